"""Reads a job's source again, cleans its records as the run did, and loads them into a temporary table."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.backends.utils import CursorWrapper

from importer.batches import Batch, Cleaned
from importer.models import DataImportJob, StagingRecord
from importer.order.decided import Decided
from importer.order.repeats import batches, planned_chunks
from importer.parse.reader import Reader
from importer.records import RecordError
from importer.specs.mapping import Mapping
from importer.validate.relations.resolve import Resolver
from importer.validate.row_lane import RowLane
from importer.validate.target import Target
from importer.validate.validate import Validator
from importer.verify.verified import Difference, Verified
from importer.work.settle import as_batch, in_batches
from importer.write.bare import LINE
from importer.write.batch_table import BatchTable
from importer.write.collisions.constraints import is_about_a_record, refusal
from importer.write.comparison import NUMBER, TURN, Comparison
from importer.write.copy import copy_frame
from importer.write.links import LinkTable
from importer.write.row_frames import RowFrames

State = StagingRecord.State
# Records that were replayed were written after those of the source.
OF_SOURCE, REPLAYED = 0, 1


class SourceTable:
    """The temporary table of the records that count, with their lines, in the types of the target.

    Losers of a repeated key are still in it. A record that was replayed is as it was fixed.
    """

    def __init__(
        self,
        job: DataImportJob,
        mapping: Mapping,
        target: Target,
        verified: Verified,
        *,
        has_all_rejects: bool,
    ) -> None:
        self.job, self.mapping, self.verified = job, mapping, verified
        self.has_all_rejects = has_all_rejects
        self.sql = Comparison(mapping, target, f"importer_verify_{uuid.uuid4().hex[:12]}")
        self.batch_table = BatchTable(self.sql)
        self.frames = RowFrames(mapping, target, draws_numbers=False)
        self.validator = Validator.of(mapping)
        self.resolver = Resolver(mapping)
        self.row_lane = RowLane(mapping, self.validator, target)
        self.decided = Decided.of(job, mapping)
        self.table = self.sql.quote(f"{self.sql.name}_all")
        self.links = [
            LinkTable(number, plan, mapping, self.sql, self.batch_table)
            for number, plan in enumerate(mapping.manys)
        ]
        self.fields = mapping.written
        self.seen_rejects = 0

    def create(self, cursor: CursorWrapper) -> None:
        types = ", ".join(f"{self.sql.column(f)} {self.sql.target.of_field(f).type}" for f in self.fields)
        cursor.execute(
            f"CREATE TEMP TABLE {self.table} ({LINE} bigint, {TURN} smallint, {types}) ON COMMIT DROP"
        )
        for links in self.links:
            cursor.execute(
                f"CREATE TEMP TABLE {self.table_of(links)} (line bigint, other {links.other_type}) ON COMMIT DROP"
            )

    def table_of(self, links: LinkTable) -> str:
        return self.sql.quote(f"{self.sql.name}_l{self.links.index(links)}")

    def load(self, cursor: CursorWrapper, reader: Reader) -> None:
        """Load all records of the source that are not stored as rejected, then those that were replayed."""
        for batch in batches(planned_chunks(self.job), reader):
            self.verified.read += batch.size
            self._load(cursor, self._without_stored(batch), OF_SOURCE)
        replayed = StagingRecord.objects.filter(job=self.job, state=State.REPLAYED)
        for records in in_batches(replayed):
            self._load(cursor, as_batch(records, self.job.columns or []), REPLAYED)
        stored = StagingRecord.objects.filter(job=self.job).count()
        if stored > self.seen_rejects:
            number = stored - self.seen_rejects
            self.verified.add(Difference("not_in_source", reason=f"{number:,} stored records"), number)
        cursor.execute(f"ANALYZE {self.table}")

    def _without_stored(self, batch: Batch) -> Batch:
        """Leave out the records that are stored as rejected, or were replayed from there."""
        lines = [*batch.lines.to_list(), *(rejection.line for rejection in batch.rejections)]
        if not lines:
            return batch
        records = StagingRecord.objects.filter(job=self.job, line__range=(min(lines), max(lines)))
        wanted = set(lines)
        stored = {line: state for line, state in records.values_list("line", "state") if line in wanted}
        self.seen_rejects += len(stored)
        self.verified.rejected += sum(state != State.REPLAYED for state in stored.values())
        for rejection in batch.rejections:
            if rejection.line not in stored:
                self._refused("not_rejected", rejection.line, rejection.errors)
        if not stored:
            return batch
        left = ~batch.lines.is_in(list(stored))
        return replace(batch, texts=batch.texts.filter(left), lines=batch.lines.filter(left))

    def _refused(self, kind: str, line: int, errors: tuple[RecordError, ...]) -> None:
        """Note a record that is refused, unless its rejection was deleted since."""
        if not self.has_all_rejects:
            self.verified.rejected += 1
            return
        reason = "; ".join(error.message for error in errors)
        self.verified.add(Difference(kind, line, self.job.place_of(line), reason=reason))

    def _load(self, cursor: CursorWrapper, batch: Batch, turn: int) -> None:
        if not batch.texts.height:
            return
        cleaned, skipped = self.decided.part(self.validator.validate(batch))
        self.verified.skipped += skipped
        cleaned = self.row_lane.clean(self.resolver.resolve(cleaned))
        for number, errors in sorted(cleaned.errors.items()):
            if self._may_be_skipped(errors):
                self.verified.skipped += 1
            else:
                self._refused("refused", int(cleaned.batch.lines[number]), tuple(errors))
        rows = self.frames.rows(cleaned)
        for stored in self._stored(cursor, rows, cleaned):
            self._take_over(cursor, stored, cleaned, turn)

    def _may_be_skipped(self, errors: Sequence[RecordError]) -> bool:
        """Whether a record lacks only a parent that the job would have created, had the record not been skipped."""
        may_skip = self.mapping.on_conflict == "skip" or self.mapping.on_new == "skip"
        if not may_skip or self.verified.skipped >= self.job.skipped:
            return False
        created = {plan.field.name for plan in self.mapping.lookups if plan.missing == "create"}
        return all(error.code == "does_not_exist" and error.field in created for error in errors)

    def _stored(self, cursor: CursorWrapper, rows: pl.DataFrame, cleaned: Cleaned) -> Iterator[pl.DataFrame]:
        """Put the rows into the batch table. What the database refuses is narrowed down to single records."""
        if rows.is_empty():
            return
        try:
            with transaction.atomic(using=self.mapping.alias):
                self.batch_table.load(cursor, rows)
        except DatabaseError as error:
            if not is_about_a_record(error):
                raise
            if rows.height == 1:
                line = int(cleaned.batch.lines[int(rows[0, NUMBER])])
                self._refused("refused", line, (refusal(self.mapping, error),))
                return
            half = rows.height // 2
            yield from self._stored(cursor, rows.head(half), cleaned)
            yield from self._stored(cursor, rows.tail(rows.height - half), cleaned)
        else:
            yield rows

    def _take_over(self, cursor: CursorWrapper, rows: pl.DataFrame, cleaned: Cleaned, turn: int) -> None:
        lines = cleaned.batch.lines
        columns = ", ".join(self.sql.column(f) for f in self.fields)
        # A line for each number: comments and records of several lines leave gaps.
        named = f"('{{{','.join(map(str, lines.to_list()))}}}'::bigint[])[{NUMBER} + 1]"
        cursor.execute(
            f"INSERT INTO {self.table} ({LINE}, {TURN}, {columns}) SELECT {named}, {turn}, {columns} "
            f"FROM {self.batch_table.sql.batch}"
        )
        for links, table in zip(cleaned.links, self.links, strict=False):
            pairs = links.of(rows.get_column(NUMBER)).pairs
            pairs = pairs.with_columns(lines.gather(pairs.get_column("number")).alias("number"))
            copy_frame(cursor, f"COPY {self.table_of(table)} FROM STDIN (FORMAT csv)", pairs)
