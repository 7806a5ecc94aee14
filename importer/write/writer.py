"""Writes cleaned records as rows of the target table, within the caller's transaction.

There are two ways. If a job only inserts, COPY goes straight into the target, as long as nothing collides. Otherwise,
or after a collision, the batch goes into a temporary table and is compared with the target as a set; each collision
becomes a rejection. The same way is taken where COPY would not store what INSERT stores (see `Target`). Whatever
else the database refuses is narrowed down to single records by halving the batch.
"""

import uuid
from collections.abc import Callable, Sequence

import polars as pl
from django.db import Error as DatabaseError
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from importer.batches import Cleaned, Links, column_named
from importer.specs.mapping import Mapping
from importer.validate.target import Target
from importer.write.batch_table import BatchTable
from importer.write.collisions.collisions import Collisions
from importer.write.collisions.constraints import (
    is_about_a_record,
    is_doubtful,
    not_stored,
    refusal,
)
from importer.write.comparison import NUMBER, Comparison
from importer.write.copy import column_of, copy_frame
from importer.write.journal import Journal
from importer.write.links import LinkTable
from importer.write.row_frames import RowFrames
from importer.write.rows import NotStored, Rows
from importer.write.sample import Sample
from importer.write.written import Written

# After a collision, this many batches go through the temporary table before COPY is tried again.
BATCHES_OF_CAUTION = 8


class Writer:
    """Writes the batches of one mapping on one connection."""

    def __init__(
        self,
        mapping: Mapping,
        target: Target,
        sample: Sample | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.mapping = mapping
        self.sample = sample
        self.journal = journal
        self.connection = connections[mapping.alias]
        self.frames = RowFrames(mapping, target)
        comparison = Comparison(mapping, target, f"importer_batch_{uuid.uuid4().hex[:12]}")
        self.batch_table = BatchTable(comparison)
        self.collisions = Collisions(mapping, comparison, self.batch_table)
        self.rows = Rows(mapping, comparison, self.batch_table, sample, journal)
        self.link_tables = [
            LinkTable(number, plan, mapping, comparison, self.batch_table)
            for number, plan in enumerate(mapping.manys)
        ]
        self.takes_copy = sample is None and mapping.may_copy and target.takes_copy(mapping)
        self.caution = 0
        self.links: Sequence[Links] = ()
        self.statements_pass = False
        quote = self.connection.ops.quote_name
        columns = ", ".join(map(quote, self.frames.columns))
        self.copy_sql = f"COPY {quote(mapping.model._meta.db_table)} ({columns}) FROM STDIN (FORMAT csv)"

    def write(self, cleaned: Cleaned) -> Written:
        """Write the records without errors, and return their fates."""
        rows = self.frames.rows(cleaned)
        if rows.is_empty():
            return Written()
        if self._may_copy(rows) and self._copied(rows):
            return Written(inserted=rows.height)
        self.links = cleaned.links
        return self.compared(rows)

    # Straight into the target

    def _may_copy(self, rows: pl.DataFrame) -> bool:
        if self.caution:
            self.caution -= 1
            return False
        return self.takes_copy and self._differ(rows)

    def _differ(self, rows: pl.DataFrame) -> bool:
        """Whether no two rows have the same values in a unique set, or the same key."""
        written = set(self.mapping.written)
        groups = [*self.mapping.unique_groups, *([self.mapping.key] if self.mapping.key else [])]
        for group in dict.fromkeys(groups):
            if not set(group) <= written:
                continue
            keys = rows.select(column_named(column_of(f)) for f in group).drop_nulls()
            if keys.height > 1 and keys.is_duplicated().any():
                return False
        return True

    def copied_with(self, rows: pl.DataFrame, numbers: pl.Series) -> bool:
        """Copy rows with the numbers that the table would give; False if they have to be compared."""
        if not self._differ(rows):
            return False
        quote = self.connection.ops.quote_name
        columns = ", ".join(map(quote, [*self.frames.columns, numbers.name]))
        table = quote(self.mapping.model._meta.db_table)
        numbered = rows.drop(NUMBER).with_columns(numbers)
        statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)"
        return self._stored(lambda cursor: copy_frame(cursor, statement, numbered), rows.height)

    def poured(self, gathered: str, records: int) -> bool:
        """Insert the records of another table (`FROM …`) as they are; False if they have to be compared."""
        if self.caution:
            self.caution -= 1
            return False
        if not self.takes_copy:
            return False
        return self._stored(lambda cursor: self.rows.insert_from(cursor, gathered), records)

    def _copied(self, rows: pl.DataFrame) -> bool:
        def copy(cursor: CursorWrapper) -> int:
            return copy_frame(cursor, self.copy_sql, self.frames.numbered(cursor, rows).drop(NUMBER))

        return self._stored(copy, rows.height)

    def _stored(self, store: Callable[[CursorWrapper], int], records: int) -> bool:
        try:
            with transaction.atomic(using=self.mapping.alias), self.connection.cursor() as cursor:
                if store(cursor) < records:
                    raise NotStored
                if self.journal:
                    self.journal.mark(cursor)
        except DatabaseError as error:
            if not is_about_a_record(error):
                raise
        except NotStored:
            pass
        else:
            return True
        self.caution = BATCHES_OF_CAUTION
        return False

    # Through the temporary table

    def compared(self, rows: pl.DataFrame, *, are_independent: bool = False) -> Written:
        """Compare the rows with the target and write them. `are_independent`: none depends on another."""
        self.statements_pass = False
        return self._compared(rows, are_independent=are_independent)

    def _compared(self, rows: pl.DataFrame, *, are_independent: bool = False) -> Written:
        try:
            with transaction.atomic(using=self.mapping.alias), self.connection.cursor() as cursor:
                written = self._compared_at_once(cursor, rows, are_independent=are_independent)
        except (DatabaseError, NotStored) as error:
            if isinstance(error, DatabaseError) and not self._is_about_a_record(error, rows):
                raise
            if rows.height == 1:
                reason = not_stored() if isinstance(error, NotStored) else refusal(self.mapping, error)
                return Written(errors={int(rows[0, NUMBER]): [reason]}, searched=1)
            half = rows.height // 2
            written = self._compared(rows.head(half), are_independent=are_independent)
            written.add(self._compared(rows.tail(rows.height - half), are_independent=are_independent))
            return written
        for numbers in written.dependent:
            written.add(self._compared(rows.filter(pl.col(NUMBER).is_in(numbers)), are_independent=True))
        return written

    def _is_about_a_record(self, error: DatabaseError, rows: pl.DataFrame) -> bool:
        """Whether the database refuses one of these records. Raises what it says to the statements without any."""
        if not is_about_a_record(error):
            return False
        if is_doubtful(error) and not self.statements_pass:
            with transaction.atomic(using=self.mapping.alias), self.connection.cursor() as cursor:
                self._compared_at_once(cursor, rows.head(0), are_independent=True)
            self.statements_pass = True
        return True

    def _compared_at_once(
        self, cursor: CursorWrapper, rows: pl.DataFrame, *, are_independent: bool
    ) -> Written:
        """Write the rows that can be written, and report the fate of the others.

        `are_independent`: the rows are known to be independent. Raises NotStored, and what the database raises for
        violations that the comparison does not find, such as conditional constraints.
        """
        if self.mapping.key_is_unique or not self.mapping.key:
            # The temporary table has no statistics: without this, one batch may cost a scan of the whole target.
            cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        self.batch_table.load(cursor, self.frames.numbered(cursor, rows))
        written = Written()
        self.collisions.meet_new_rows(cursor, written)
        self.batch_table.keep_columns(cursor)
        self.collisions.refuse_failed_checks(cursor, written)
        if self.mapping.on_conflict == "update" and rows.height > 1 and not are_independent:
            written.dependent = self.collisions.take_out_dependent(cursor, written)
        self.collisions.refuse_empty_cells(cursor, written)
        self.collisions.meet_existing_rows(cursor, written)
        turns = self.collisions.decide_duplicates(cursor, written)
        changed: set[int] = set()
        for turn in range(turns):
            changed |= self.rows.write_turn(cursor, turn, written)
        if self.link_tables:
            self._link(cursor, rows.get_column(NUMBER), changed, written)
        return written

    def _link(self, cursor: CursorWrapper, numbers: pl.Series, changed: set[int], written: Written) -> None:
        """Write the links of these records. If only a link of a record is new, it counts as updated."""
        if self.mapping.on_conflict == "update":
            self.batch_table.take_primary_keys(cursor)
        linked = {
            number
            for table, links in zip(self.link_tables, self.links, strict=True)
            for number in table.write(cursor, links.of(numbers))
        }
        written.unchanged -= len(linked - changed)
        written.updated += len(linked - changed)
