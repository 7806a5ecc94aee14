"""Decides the fate of records that collide with rows, with one another, or with check constraints."""

from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper

from importer.order.hidden import may_collide_unseen
from importer.order.rivals import hidden_index
from importer.records import RecordError
from importer.specs.mapping import AnyField, Mapping
from importer.specs.tables import fields_of
from importer.write.batch_table import BatchTable
from importer.write.collisions.constraints import (
    blank_of,
    no_such_row,
    unique_errors,
    violation_of,
)
from importer.write.collisions.duplicates import decide_duplicates
from importer.write.collisions.rounds import rounds
from importer.write.comparison import NUMBER, TURN, Comparison, numbers_of
from importer.write.written import Written


class Collisions:
    """Takes out of a batch table whatever is not to be written now."""

    def __init__(self, mapping: Mapping, comparison: Comparison, batch: BatchTable) -> None:
        self.mapping = mapping
        self.sql = comparison
        self.batch = batch
        self.connection = connections[mapping.alias]
        # What an empty cell means in a new row: a text, nothing, or the reason for a rejection.
        self.kept = {plan.field: blank_of(plan, self.connection) for plan in mapping.kept}
        is_update = mapping.on_conflict == "update"
        self.may_collide_unseen = is_update and (
            may_collide_unseen(mapping) or bool(hidden_index(mapping, comparison.target))
        )

    # 0. Rows that do not exist yet

    def meet_new_rows(self, cursor: CursorWrapper, written: Written) -> None:
        """Take out records without a row, where only existing rows change."""
        if self.mapping.inserts:
            return
        numbers = numbers_of(cursor, self.sql.matches(self.sql.is_new()))
        if self.mapping.on_new == "skip":
            written.skipped += len(numbers)
        errors = no_such_row(self.mapping) if self.mapping.on_new == "reject" else []
        self.batch.take_out(cursor, numbers, written, errors)

    def refuse_empty_cells(self, cursor: CursorWrapper, written: Written) -> None:
        """Give empty cells that keep nothing, because the row is new, what an empty cell means; or reject them."""
        for f, blank in self.kept.items():
            column = self.sql.column(f)
            is_empty = f"s.{column} IS NULL AND {self.sql.is_new()}"
            if isinstance(blank, RecordError):
                self.batch.take_out(cursor, numbers_of(cursor, self.sql.matches(is_empty)), written, [blank])
            elif blank is not None:
                found = self.sql.target.of_field(f)
                value = f"%s::{found.sent_as or found.type_to_cast}"
                column, is_empty = (sql.replace("%", "%%") for sql in (column, is_empty))
                cursor.execute(
                    f"UPDATE {self.sql.batch} AS s SET {column} = {value} WHERE {is_empty}", [blank]
                )

    # 1. Check constraints, each as one query

    def refuse_failed_checks(self, cursor: CursorWrapper, written: Written) -> None:
        names = {name for f in self.mapping.written for name in (f.name, f.attname)}
        for table, constraint in self.mapping.checks:
            if not fields_of(constraint) <= names:
                continue
            # Private API: no public one turns a condition into SQL. test_rows_as_they_are.py breaks first.
            editor = self.connection.SchemaEditorClass(self.connection, collect_sql=True)
            check = constraint._get_check_sql(table, editor)  # type: ignore[attr-defined]
            failed = numbers_of(cursor, f"SELECT {NUMBER} FROM {self.sql.batch} WHERE NOT ({check})")
            self.batch.take_out(cursor, failed, written, [violation_of(constraint)])

    # 2. Rows that exist already

    def meet_existing_rows(self, cursor: CursorWrapper, written: Written) -> None:
        mapping = self.mapping
        if mapping.key and mapping.on_conflict != "update":
            existing = numbers_of(cursor, self.sql.matches(self.sql.exists(self.sql.same_key())))
            if mapping.on_conflict == "skip":
                written.skipped += len(existing)
                self.batch.take_out(cursor, existing, written)
            else:
                self.batch.take_out(cursor, existing, written, unique_errors(mapping, mapping.key))
        taken: dict[int, tuple[AnyField, ...]] = {}
        for group in self.sql.taken_groups:
            numbers = numbers_of(cursor, self.sql.matches(self.sql.is_taken(group)))
            taken |= {number: group for number in numbers if number not in taken}
        if taken and mapping.on_conflict == "skip":
            self._leave_repeats(cursor, taken)
        for group in dict.fromkeys(taken.values()):
            numbers = [number for number, own in taken.items() if own == group]
            self.batch.take_out(cursor, numbers, written, unique_errors(mapping, group))

    def _leave_repeats(self, cursor: CursorWrapper, taken: dict[int, tuple[AnyField, ...]]) -> None:
        """Leave out of `taken` the records whose key an earlier record brings, because they will be skipped."""
        for numbers in self.batch.duplicates(cursor, self.mapping.key):
            first = next((place for place, number in enumerate(numbers) if number not in taken), len(numbers))
            for number in numbers[first:]:
                taken.pop(number, None)

    def take_out_dependent(self, cursor: CursorWrapper, written: Written) -> list[list[int]]:
        """Take out the rows whose fate an update of another row of this batch may change, in rounds.

        These are rows that share a unique value within the batch, rows that need the value of an existing row, and
        rows that may change that existing row. All others are independent.
        """
        if self.may_collide_unseen and self._changes_any(cursor):
            every = numbers_of(cursor, f"SELECT {NUMBER} FROM {self.sql.batch} ORDER BY {NUMBER}")
            self.batch.take_out(cursor, every, written)
            return [[number] for number in every]
        if not self.sql.other_groups and not self.kept:
            return []
        links: list[list[int]] = [
            link
            for group in [self.mapping.key, *self.sql.other_groups]
            for link in self.batch.duplicates(cursor, group)
        ]
        for group in self.sql.other_groups:
            cursor.execute(
                f"SELECT s.{NUMBER}, holder.{NUMBER} FROM {self.sql.batch} AS s "
                f"JOIN {self.sql.rows} AS t ON {self.sql.same(group)} AND NOT ({self.sql.same_key()}) "
                f"LEFT JOIN {self.sql.batch} AS holder ON {self.sql.same_key('holder')}"
            )
            links += [[number for number in row if number is not None] for row in cursor.fetchall()]
        self.batch.take_out(cursor, sorted({number for link in links for number in link}), written)
        return rounds(links)

    def _changes_any(self, cursor: CursorWrapper) -> bool:
        if not self.sql.compared:
            return False
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM {self.sql.batch} AS s JOIN {self.sql.rows} AS t "
            f"ON {self.sql.same_key()} WHERE {self.sql.differs()})"
        )
        row: Any = cursor.fetchone()
        return bool(row[0]) or bool(self.batch.duplicates(cursor, self.mapping.key))

    # 3. Records of one batch that collide with one another

    def decide_duplicates(self, cursor: CursorWrapper, written: Written) -> int:
        """Take out the records that lose to another one. Return in how many turns the others are written."""
        groups = [self.mapping.key, *self.sql.other_groups]
        records: dict[int, dict[int, int]] = {}
        for index, group in enumerate(groups):
            for value, equal in enumerate(self.batch.duplicates(cursor, group) if group else []):
                for number in equal:
                    records.setdefault(number, {})[index] = value
        verdicts = decide_duplicates(records, on_conflict=self.mapping.on_conflict)
        for number, index in verdicts.rejected.items():
            self.batch.take_out(cursor, [number], written, unique_errors(self.mapping, groups[index]))
        self.batch.take_out(cursor, verdicts.skipped, written)
        written.skipped += len(verdicts.skipped)
        for number, turn in verdicts.turns.items():
            cursor.execute(f"UPDATE {self.sql.batch} SET {TURN} = %s WHERE {NUMBER} = %s", [turn, number])
        return 1 + max(verdicts.turns.values(), default=0)
