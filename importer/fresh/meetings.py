"""Finds, in the bare copy, the records that cannot all become rows, and sets them aside.

Of rows that meet in a unique index, or have one key of the spec, the first of the source stays. The others, and those
without a parent, are set aside as contested records: once the copy is the table, they are written in the order of the
source, as in any import, so that each is rejected, skipped or updates with the same words. A later row that meets one
of those was set aside with it, so nothing is decided before its turn.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from importer import ledger
from importer.conf import conf
from importer.exceptions import SourceChanged
from importer.fresh.build import ForeignKey, Index
from importer.fresh.tables import Tables, names_of, quoted
from importer.models import SETTLEMENT, DataImportJob, ImportChunk, StagingRecord
from importer.parse.reader import Reader, chunk_range
from importer.records import Position, Rejection
from importer.specs.mapping import Mapping
from importer.work.control import Control
from importer.work.pipeline import as_rejection
from importer.write.bare import LINE

# The table, beside the copy, of the lines that are to be set aside.
ASIDE = "importer_aside"


@dataclass(frozen=True, slots=True)
class Meetings:
    """Where rows of a copy may meet: parts that could not be built, and the spec's key if no index keeps it unique."""

    tables: Tables
    mapping: Mapping

    def note_lines(self, cursor: CursorWrapper, broken: Sequence[Index | ForeignKey]) -> int:
        """Make the table of lines to set aside, if it is not there. Returns how many there are."""
        queries = [self._of(part) for part in broken]
        if self.mapping.key and not self.mapping.key_is_unique:
            queries.append(self._of_key())
        lines = " UNION ".join(queries) or "SELECT 0::bigint WHERE false"
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {self._aside} (line) AS {lines}")
        cursor.execute(f"SELECT count(*) FROM {self._aside}")
        return int(cursor.fetchone()[0])

    @property
    def _aside(self) -> str:
        return f"{quoted(self.tables.own)}.{quoted(ASIDE)}"

    def are_noted(self, cursor: CursorWrapper) -> bool:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [self._aside])
        return bool(cursor.fetchone()[0])

    def _of(self, part: Index | ForeignKey) -> str:
        if isinstance(part, ForeignKey):
            pairs = zip(part.columns, part.parent_columns, strict=True)
            same = " AND ".join(f"p.{quoted(theirs)} = c.{quoted(ours)}" for ours, theirs in pairs)
            filled = " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in part.columns)
            return (
                f"SELECT c.{LINE} FROM {self.tables.copy} AS c "
                f"WHERE {filled} AND NOT EXISTS (SELECT FROM {part.parent} AS p WHERE {same})"
            )
        conditions = [f"({part.condition})"] if part.condition else []
        if not part.nulls_are_equal:
            conditions += [f"({expression}) IS NOT NULL" for expression in part.expressions]
        return self._later(part.expressions, conditions)

    def _of_key(self) -> str:
        columns = [quoted(str(f.column)) for f in self.mapping.key]
        conditions = [] if self.mapping.empty_parts_are_equal else [f"{name} IS NOT NULL" for name in columns]
        return self._later(columns, conditions)

    def _later(self, expressions: Sequence[str], conditions: Sequence[str]) -> str:
        """Select the lines of all rows but the first of those that are alike."""
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return (
            f"SELECT {LINE} FROM (SELECT {LINE}, row_number() OVER (PARTITION BY {', '.join(expressions)} "
            f"ORDER BY {LINE}) AS turn FROM {self.tables.copy}{where}) AS alike WHERE turn > 1"
        )

    def set_aside(
        self, job: DataImportJob, reader: Reader, control: Control, keep: Callable[[], None]
    ) -> bool:
        """Take the noted lines out of the copy, chunk by chunk, with their records as the source has them.

        Returns False if it was asked to stop. Raises SourceChanged if the source has not those records any more.
        """
        alias = self.mapping.alias
        for chunk, lines in self._by_chunk(job):
            if control.stopping:
                return False
            keep()
            wanted = frozenset(lines)
            records = list(_records(job, chunk, reader, wanted))
            if len(records) != len(wanted):
                raise SourceChanged(
                    f'The source "{job.source}" has not the records any more that were read from it.'
                )
            with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
                cursor.execute(f"DELETE FROM {self.tables.copy} WHERE {LINE} = ANY(%s)", [lines])
                cursor.execute(f"DELETE FROM {self._aside} WHERE line = ANY(%s)", [lines])
                ledger.set_aside(job.pk, chunk.pk, records, state=StagingRecord.State.CONTESTED)
                ledger.take_back(chunk, len(records))
        return not control.stopping

    def _by_chunk(self, job: DataImportJob) -> Iterator[tuple[ImportChunk, list[int]]]:
        chunks = [*ImportChunk.objects.filter(job=job, number__gt=SETTLEMENT).order_by("number"), None]
        for chunk, following in pairwise(chunks):
            assert chunk
            until = f" AND line < {following.first_line}" if following else ""
            with connections[self.mapping.alias].cursor() as cursor:
                lines = names_of(
                    cursor,
                    f"SELECT line FROM {self._aside} WHERE line >= {chunk.first_line}{until} ORDER BY line",
                )
            if lines:
                yield chunk, lines


def _records(
    job: DataImportJob, chunk: ImportChunk, reader: Reader, lines: frozenset[int]
) -> Iterator[Rejection]:
    part = chunk_range(chunk)
    position = Position(part.start_offset, part.first_line)
    while True:
        batch = reader.read(position, part, limit=conf.BATCH_SIZE_INITIAL)
        for number, line in enumerate(batch.lines.to_list()):
            if line in lines:
                yield as_rejection(job, batch, number)
        if batch.end.offset >= part.end_offset:
            return
        position = batch.end
