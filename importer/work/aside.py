"""Sets records aside that are in a table of rows with their lines, with their texts as the source has them."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from importer import ledger
from importer.batches import Batch
from importer.conf import conf
from importer.exceptions import SourceChanged
from importer.models import SETTLEMENT, DataImportJob, ImportChunk, StagingRecord
from importer.parse.reader import Reader, chunk_range
from importer.records import Position, Rejection
from importer.validate.queries import names_of
from importer.work.control import Control
from importer.work.pipeline import as_rejection
from importer.write.bare import LINE

# Uncounts records of a chunk that are set aside after all.
Uncount = Callable[[ImportChunk, int], None]


@dataclass(frozen=True, slots=True)
class Aside:
    """The lines, in a table of their own, of the records to set aside.

    rows   the table of the rows, quoted
    lines  the table of those lines, quoted
    """

    rows: str
    lines: str
    alias: str

    def are_noted(self, cursor: CursorWrapper) -> bool:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [self.lines])
        return bool(cursor.fetchone()[0])

    def note(self, cursor: CursorWrapper, queries: Collection[str]) -> int:
        """Make the table from the lines of all these queries, if it is not there. Returns how many there are."""
        lines = " UNION ".join(queries) or "SELECT 0::bigint WHERE false"
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {self.lines} (line) AS {lines}")
        cursor.execute(f"SELECT count(*) FROM {self.lines}")
        return int(cursor.fetchone()[0])

    def set_aside(
        self,
        job: DataImportJob,
        reader: Reader,
        control: Control,
        *,
        keep: Callable[[], None],
        uncount: Uncount,
    ) -> bool:
        """Take the noted lines out of the rows, chunk by chunk, and store them as contested records.

        Returns False if it was asked to stop. Raises SourceChanged if the source has not those records any more.
        """
        for chunk, lines in self._by_chunk(job):
            if control.stopping:
                return False
            keep()
            source = SourceRecords(job, chunk, reader)
            records = source.of(lines)
            if job.format == DataImportJob.Format.TABLE:
                source.verify(chunk.read + chunk.gathered)
            with transaction.atomic(using=self.alias), connections[self.alias].cursor() as cursor:
                for table, column in ((self.rows, LINE), (self.lines, "line")):
                    name = table.replace("%", "%%")
                    cursor.execute(f"DELETE FROM {name} WHERE {column} = ANY(%s)", [lines])
                ledger.set_aside(job.pk, chunk.pk, records, state=StagingRecord.State.CONTESTED)
                uncount(chunk, len(records))
        return not control.stopping

    def _by_chunk(self, job: DataImportJob) -> Iterator[tuple[ImportChunk, list[int]]]:
        chunks = [*ImportChunk.objects.filter(job=job, number__gt=SETTLEMENT).order_by("number"), None]
        for chunk, following in pairwise(chunks):
            assert chunk
            until = f" AND line < {following.first_line}" if following else ""
            with connections[self.alias].cursor() as cursor:
                lines = names_of(
                    cursor,
                    f"SELECT line FROM {self.lines} WHERE line >= {chunk.first_line}{until} ORDER BY line",
                )
            if lines:
                yield chunk, lines


class SourceRecords:
    """Reads records of a chunk again, for their texts. It reads on, so ask for them in the order of the source."""

    def __init__(self, job: DataImportJob, chunk: ImportChunk, reader: Reader) -> None:
        self.job = job
        self.reader = reader
        self.part = chunk_range(chunk)
        self.position = Position(self.part.start_offset, self.part.first_line, self.part.start_key)
        self.batch: Batch | None = None
        self.seen = 0

    def of(self, lines: Collection[int]) -> list[Rejection]:
        """Return the records of these lines. Raises SourceChanged if the source has not all of them."""
        wanted = frozenset(lines)
        found: list[Rejection] = []
        while len(found) < len(wanted):
            batch = self.batch or self._next()
            if batch is None:
                raise self._changed()
            numbers = batch.lines.is_in(list(wanted)).arg_true().to_list()
            found += [as_rejection(self.job, batch, number) for number in numbers]
            if len(found) < len(wanted):
                self.batch = None
        return found

    def verify(self, records: int) -> None:
        """Raise SourceChanged unless the chunk still has so many records: a row that is gone moves those behind it."""
        while self._next():
            pass
        if self.seen != records:
            raise self._changed()

    def _changed(self) -> SourceChanged:
        return SourceChanged(
            f'The source "{self.job.source}" has not the records any more that were read from it.'
        )

    def _next(self) -> Batch | None:
        if self.position.offset >= self.part.end_offset:
            return None
        self.batch = self.reader.read(self.position, self.part, limit=conf.BATCH_SIZE_INITIAL)
        self.position = self.batch.end
        self.seen += self.batch.size
        return self.batch
