"""Compares a batch with the target as a set, in a temporary table, and writes what can be written."""

from collections.abc import Iterable

import polars as pl
from django.db import connections, models
from django.db.backends.utils import CursorWrapper

from importer.order.hidden import constraint_not_surveyed
from importer.records import RecordError
from importer.specs.mapping import AnyField, Mapping
from importer.validate.target import TargetTable
from importer.write.constraints import (
    blank_of,
    fields_of,
    no_such_row,
    not_stored,
    unique_errors,
    violation_of,
)
from importer.write.copy import column_of, copy_frame
from importer.write.duplicates import decide_duplicates
from importer.write.rounds import rounds
from importer.write.sample import Sample
from importer.write.written import Written

# Column with a record's number in its batch.
NUMBER = "importer_number"
# Column that orders records of one key: the first is written, then the second over it, and so on.
TURN = "importer_turn"


class NotStored(Exception):
    """Raised when the target stored fewer rows than were inserted, and it cannot be told which."""


class BatchTable:
    """Compares batches of one mapping with the target in one temporary table, which is created once and truncated."""

    def __init__(
        self, mapping: Mapping, target: TargetTable, name: str, sample: Sample | None = None
    ) -> None:
        self.mapping = mapping
        self.target_table = target
        self.sample = sample
        self.connection = connections[mapping.alias]
        self.quote = self.connection.ops.quote_name
        self.table = self.quote(name)
        self.target = self.quote(mapping.model._meta.db_table)
        self.written = [self._column(f) for f in mapping.written]
        # Columns whose values PostgreSQL has to convert → the columns of the type in which they are sent.
        self.sent = {
            f: f"importer_sent_{n}" for n, f in enumerate(mapping.written) if target.of_field(f).sent_as
        }
        key = set(mapping.key)
        self.other_groups = [group for group in mapping.unique_groups if set(group) != key]
        self.compared = [
            f for f in (*mapping.mapped, *mapping.cleaned_fills) if f not in key and not f.primary_key
        ]
        self.untouched = _untouched(mapping)
        # What an empty cell means in a new row: a text, nothing, or the reason for a rejection.
        self.kept = {plan.field: blank_of(plan, self.connection) for plan in mapping.kept}
        is_identity = any(target.of_field(f).is_identity for f in mapping.written)
        self.overriding = "OVERRIDING SYSTEM VALUE " if is_identity else ""
        self.has_unsurveyed_constraint = bool(constraint_not_surveyed(mapping))

    def write(self, cursor: CursorWrapper, rows: pl.DataFrame, *, are_independent: bool) -> Written:
        """Write the rows that can be written, and report the fate of the others.

        `are_independent`: the rows are known to be independent. Raises what the database raises for violations that
        the comparison does not find, such as conditional constraints.
        """
        self._create(cursor)
        if self.mapping.key_is_unique or not self.mapping.key:
            # The temporary table has no statistics: without this, one batch may cost a scan of the whole target.
            cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        columns = ", ".join([NUMBER, *(self.sent.get(f, self._column(f)) for f in self.mapping.written)])
        copy_frame(cursor, f"COPY {self.table} ({columns}) FROM STDIN (FORMAT csv)", rows)
        self._convert(cursor)
        written = Written()
        self._meet_new_rows(cursor, written)
        self._keep_columns(cursor)
        self._refuse_failed_checks(cursor, written)
        if self.mapping.on_conflict == "update" and rows.height > 1 and not are_independent:
            written.dependent = self._take_out_dependent(cursor, written)
        self._refuse_empty_cells(cursor, written)
        self._meet_existing_rows(cursor, written)
        turns = self._decide_duplicates(cursor, written)
        for turn in range(turns):
            self._write_turn(cursor, turn, written)
        return written

    def _create(self, cursor: CursorWrapper) -> None:
        columns = {f: self.target_table.of_field(f) for f in self.mapping.written}
        types = ", ".join(
            [
                *(f"{self._column(f)} {column.type}" for f, column in columns.items()),
                *(f"{name} {columns[f].sent_as}" for f, name in self.sent.items()),
            ]
        )
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.table} "
            f"({NUMBER} integer, {TURN} smallint NOT NULL DEFAULT 0, {types})"
        )
        # Truncated, not dropped: a table per batch would bloat the system catalogue.
        cursor.execute(f"TRUNCATE {self.table}")

    def _convert(self, cursor: CursorWrapper) -> None:
        """Convert values to the types of the columns, as PostgreSQL does when it stores what `save()` sends."""
        if self.sent:
            values = ", ".join(f"{self._column(f)} = {name}" for f, name in self.sent.items())
            cursor.execute(f"UPDATE {self.table} SET {values}")

    def _keep_columns(self, cursor: CursorWrapper) -> None:
        """Take over the row's values in fields that an update does not set, so that constraints see them."""
        if self.untouched:
            values = ", ".join(f"{self._column(f)} = t.{self._column(f)}" for f in self.untouched)
            cursor.execute(
                f"UPDATE {self.table} AS s SET {values} FROM {self.target} AS t WHERE {self._same_key()}"
            )

        for f in self.kept:
            column = self._column(f)
            cursor.execute(
                f"UPDATE {self.table} AS s SET {column} = t.{column} FROM {self.target} AS t "
                f"WHERE {self._same_key()} AND s.{column} IS NULL"
            )

    # 0. Rows that do not exist yet

    def _meet_new_rows(self, cursor: CursorWrapper, written: Written) -> None:
        """Take out records without a row, where only existing rows change."""
        if self.mapping.inserts:
            return
        numbers = self._numbers(cursor, self._matches(self._same_key(), negated=True))
        if self.mapping.on_new == "skip":
            written.skipped += len(numbers)
        errors = no_such_row(self.mapping) if self.mapping.on_new == "reject" else []
        self._take_out(cursor, numbers, written, errors)

    def _refuse_empty_cells(self, cursor: CursorWrapper, written: Written) -> None:
        """Give empty cells that keep nothing, because the row is new, what an empty cell means; or reject them."""
        for f, blank in self.kept.items():
            column = self._column(f)
            is_empty = f"s.{column} IS NULL AND NOT EXISTS (SELECT 1 FROM {self.target} AS t WHERE {self._same_key()})"
            if isinstance(blank, RecordError):
                numbers = self._numbers(cursor, f"SELECT s.{NUMBER} FROM {self.table} AS s WHERE {is_empty}")
                self._take_out(cursor, numbers, written, [blank])
            elif blank is not None:
                found = self.target_table.of_field(f)
                value = f"%s::{found.sent_as or found.type_to_cast}"
                column, is_empty = (sql.replace("%", "%%") for sql in (column, is_empty))
                cursor.execute(f"UPDATE {self.table} AS s SET {column} = {value} WHERE {is_empty}", [blank])

    # 1. Check constraints, each as one query

    def _refuse_failed_checks(self, cursor: CursorWrapper, written: Written) -> None:
        names = {name for f in self.mapping.written for name in (f.name, f.attname)}
        for constraint in self.mapping.constraints:
            if not isinstance(constraint, models.CheckConstraint):
                continue
            if not fields_of(constraint) <= names:
                continue
            # Private API: no public one turns a condition into SQL. test_rows_as_they_are.py breaks first.
            editor = self.connection.SchemaEditorClass(self.connection, collect_sql=True)
            check = constraint._get_check_sql(self.mapping.model, editor)  # type: ignore[attr-defined]
            numbers = self._numbers(cursor, f"SELECT {NUMBER} FROM {self.table} WHERE NOT ({check})")
            self._take_out(cursor, numbers, written, [violation_of(constraint)])

    # 2. Rows that exist already

    def _meet_existing_rows(self, cursor: CursorWrapper, written: Written) -> None:
        mapping = self.mapping
        if mapping.key and mapping.on_conflict != "update":
            numbers = self._numbers(cursor, self._matches(self._same_key()))
            if mapping.on_conflict == "skip":
                written.skipped += len(numbers)
                self._take_out(cursor, numbers, written, [])
            else:
                self._take_out(cursor, numbers, written, unique_errors(mapping, mapping.key))
        for group in self.other_groups:
            condition = self._same(group)
            if mapping.on_conflict == "update":
                condition += f" AND NOT ({self._same_key()})"
            numbers = self._numbers(cursor, self._matches(condition))
            self._take_out(cursor, numbers, written, unique_errors(mapping, group))

    def _take_out_dependent(self, cursor: CursorWrapper, written: Written) -> list[list[int]]:
        """Take out the rows whose fate an update of another row of this batch may change, in rounds.

        These are rows that share a unique value within the batch, rows that need the value of an existing row, and
        rows that may change that existing row. All others are independent.
        """
        if self.has_unsurveyed_constraint and self._changes_any(cursor):
            numbers = self._numbers(cursor, f"SELECT {NUMBER} FROM {self.table} ORDER BY {NUMBER}")
            self._take_out(cursor, numbers, written, [])
            return [[number] for number in numbers]
        if not self.other_groups and not self.kept:
            return []
        links = [
            link
            for group in [self.mapping.key, *self.other_groups]
            for link in self._duplicates(cursor, group)
        ]
        for group in self.other_groups:
            cursor.execute(
                f"SELECT s.{NUMBER}, holder.{NUMBER} FROM {self.table} AS s "
                f"JOIN {self.target} AS t ON {self._same(group)} AND NOT ({self._same_key()}) "
                f"LEFT JOIN {self.table} AS holder ON {self._same_key('holder')}"
            )
            links += [[number for number in row if number is not None] for row in cursor.fetchall()]
        self._take_out(cursor, sorted({number for link in links for number in link}), written, [])
        return rounds(links)

    def _changes_any(self, cursor: CursorWrapper) -> bool:
        if not self.compared:
            return False
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM {self.table} AS s JOIN {self.target} AS t "
            f"ON {self._same_key()} WHERE {self._differs()})"
        )
        return bool(cursor.fetchone()[0]) or bool(self._duplicates(cursor, self.mapping.key))

    # 3. Records of one batch that collide with one another

    def _decide_duplicates(self, cursor: CursorWrapper, written: Written) -> int:
        groups = [self.mapping.key, *self.other_groups]
        records: dict[int, dict[int, int]] = {}
        for index, group in enumerate(groups):
            for value, numbers in enumerate(self._duplicates(cursor, group) if group else []):
                for number in numbers:
                    records.setdefault(number, {})[index] = value
        verdicts = decide_duplicates(records, on_conflict=self.mapping.on_conflict)
        for number, index in verdicts.rejected.items():
            self._take_out(cursor, [number], written, unique_errors(self.mapping, groups[index]))
        self._take_out(cursor, verdicts.skipped, written, [])
        written.skipped += len(verdicts.skipped)
        for number, turn in verdicts.turns.items():
            cursor.execute(f"UPDATE {self.table} SET {TURN} = %s WHERE {NUMBER} = %s", [turn, number])
        return 1 + max(verdicts.turns.values(), default=0)

    def _duplicates(self, cursor: CursorWrapper, group: Iterable[AnyField]) -> list[list[int]]:
        columns = [self._column(f) for f in group]
        present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        if tuple(group) == self.mapping.key and self.mapping.empty_parts_are_equal:
            present = "true"
        cursor.execute(
            f"SELECT array_agg({NUMBER} ORDER BY {NUMBER}) FROM {self.table} WHERE {present} "
            f"GROUP BY {', '.join(columns)} HAVING count(*) > 1"
        )
        return [row[0] for row in cursor.fetchall()]

    # 4. The remaining rows can be written

    def _write_turn(self, cursor: CursorWrapper, turn: int, written: Written) -> None:
        cursor.execute(f"SELECT count(*) FROM {self.table} WHERE {TURN} = {turn}")
        records = cursor.fetchone()[0]
        updated, inserted = 0, 0
        lost: list[int] = []
        if self.mapping.on_conflict == "update":
            updated, lost = self._update(cursor, turn)
        if self.mapping.inserts:
            inserted, not_inserted = self._insert(cursor, turn, records)
            lost += not_inserted
        for number in lost:
            written.reject(number, [not_stored()])
        written.inserted += inserted
        written.updated += updated
        written.unchanged += records - inserted - updated - len(lost)

    def _insert(self, cursor: CursorWrapper, turn: int, records: int) -> tuple[int, list[int]]:
        """Insert the rows that are not in the table. Return how many are now, and which the table did not take."""
        is_update = self.mapping.on_conflict == "update"
        is_new = (
            f"NOT EXISTS (SELECT 1 FROM {self.target} AS t WHERE {self._same_key()})" if is_update else "true"
        )
        if self.sample is not None:
            self._sample_inserts(cursor, f"{TURN} = {turn} AND {is_new}", self.sample)
        chosen = f"FROM {self.table} AS s WHERE {TURN} = {turn} AND {is_new} ORDER BY {NUMBER}"
        new = self._numbers(cursor, f"SELECT {NUMBER} {chosen}") if self.target_table.drops_inserts else None
        columns = ", ".join(self.written)
        cursor.execute(f"INSERT INTO {self.target} ({columns}) {self.overriding}SELECT {columns} {chosen}")
        if new is None and not is_update and cursor.rowcount < records:
            raise NotStored
        if new is None or cursor.rowcount == len(new):
            return cursor.rowcount, []
        lost = self._not_stored(cursor, new, cursor.rowcount)
        return len(new) - len(lost), lost

    def _not_stored(self, cursor: CursorWrapper, new: list[int], inserted: int) -> list[int]:
        """Return which of the new records are not in the table, found by what makes a row unique there.

        Rows that a trigger has sent to a table that inherits from this one are in it. Raises NotStored if the rows
        that can be found are fewer than those that were inserted, because a trigger has changed what is compared.
        """
        group = next((g for g in self.mapping.unique_groups if not any(f.null for f in g)), None)
        if group is None:
            if len(new) > 1 or inserted:
                raise NotStored
            return new
        stored = set(
            self._numbers(cursor, f"{self._matches(self._same(group))} AND {NUMBER} = ANY(ARRAY{new})")
        )
        if len(stored) < inserted:
            raise NotStored
        return [number for number in new if number not in stored]

    def _update(self, cursor: CursorWrapper, turn: int) -> tuple[int, list[int]]:
        """Update the rows that differ. Return how many records did, and which of them the table did not take."""
        mapping = self.mapping
        compared = [self._column(f) for f in self.compared]
        if not compared:
            return 0, []
        differing = f"s.{TURN} = {turn} AND {self._same_key()} AND {self._differs()}"
        wanted: list[int] = []
        if self.target_table.drops_updates:
            wanted = self._numbers(
                cursor,
                f"SELECT DISTINCT s.{NUMBER} FROM {self.table} AS s, {self.target} AS t WHERE {differing}",
            )
        moments = [self._column(fill.field) for fill in mapping.fills if fill.on_update]
        if self.sample is not None:
            self._sample_updates(cursor, turn, self.sample)
        assignments = ", ".join(f"{column} = s.{column}" for column in [*compared, *moments])
        # Counts records, not rows: a key without a unique constraint may match several rows.
        cursor.execute(
            f"WITH changed AS (UPDATE {self.target} AS t SET {assignments} FROM {self.table} AS s "
            f"WHERE {differing} RETURNING s.{NUMBER}) "
            f"SELECT {'DISTINCT ' + NUMBER if wanted else f'count(DISTINCT {NUMBER})'} FROM changed"
        )
        if not wanted:
            return int(cursor.fetchone()[0]), []
        changed = {row[0] for row in cursor.fetchall()}
        return len(changed), [number for number in wanted if number not in changed]

    # What a dry run shows

    def _sample_inserts(self, cursor: CursorWrapper, condition: str, sample: Sample) -> None:
        columns = self.mapping.mapped
        texts = ", ".join(f"{self._column(f)}::text" for f in columns)
        cursor.execute(
            f"SELECT {texts} FROM {self.table} AS s WHERE {condition} "
            f"ORDER BY {NUMBER} LIMIT {sample.room_for_inserted}"
        )
        sample.add_inserted([f.name for f in columns], cursor.fetchall())

    def _sample_updates(self, cursor: CursorWrapper, turn: int, sample: Sample) -> None:
        compared, keys = ([self._column(f) for f in fields] for fields in (self.compared, self.mapping.key))
        texts = ", ".join([*(f"s.{c}::text" for c in keys), *(f"t.{c}::text, s.{c}::text" for c in compared)])
        cursor.execute(
            f"SELECT {texts} FROM {self.target} AS t JOIN {self.table} AS s ON {self._same_key()} "
            f"WHERE s.{TURN} = {turn} AND {self._differs()} ORDER BY s.{NUMBER} LIMIT {sample.room_for_updated}"
        )
        sample.add_updated([column_of(f) for f in self.compared], len(keys), cursor.fetchall())

    # Pieces of SQL

    def _column(self, f: AnyField) -> str:
        return self.quote(str(f.column))

    def _same(self, group: Iterable[AnyField]) -> str:
        return " AND ".join(f"t.{self._column(f)} = s.{self._column(f)}" for f in group)

    def _same_key(self, batch: str = "s") -> str:
        """Return the condition for equal keys. To recognise a row, empty parts count as equal, unlike in SQL."""
        strict = len(self.mapping.key) == 1 or not self.mapping.empty_parts_are_equal
        return " AND ".join(
            f"t.{self._column(f)} {'=' if strict or not f.null else 'IS NOT DISTINCT FROM'} {batch}.{self._column(f)}"
            for f in self.mapping.key
        )

    def _differs(self) -> str:
        old, new = (", ".join(self._comparable(side, f) for f in self.compared) for side in "ts")
        return f"ROW({old}) IS DISTINCT FROM ROW({new})"

    def _comparable(self, side: str, f: AnyField) -> str:
        as_type = self.target_table.of_field(f).compared_as
        return f"{side}.{self._column(f)}" + (f"::{as_type}" if as_type else "")

    def _matches(self, condition: str, *, negated: bool = False) -> str:
        exists = f"{'NOT ' if negated else ''}EXISTS (SELECT 1 FROM {self.target} AS t WHERE {condition})"
        return f"SELECT s.{NUMBER} FROM {self.table} AS s WHERE {exists}"

    def _numbers(self, cursor: CursorWrapper, sql: str) -> list[int]:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]

    def _take_out(
        self, cursor: CursorWrapper, numbers: list[int], written: Written, errors: list[RecordError]
    ) -> None:
        if not numbers:
            return
        cursor.execute(f"DELETE FROM {self.table} WHERE {NUMBER} = ANY(%s)", [numbers])
        for number in numbers:
            if errors:
                written.reject(number, errors)


def _untouched(mapping: Mapping) -> list[AnyField]:
    """Return the fields that an update does not set but check constraints or unique groups read."""
    if mapping.on_conflict != "update":
        return []
    constrained = {f.name for group in mapping.unique_groups for f in group}
    for constraint in mapping.constraints:
        if isinstance(constraint, models.CheckConstraint):
            constrained |= fields_of(constraint)
    fills = [fill.field for fill in mapping.fills if not fill.on_update]
    return [
        f
        for f in fills
        if f not in mapping.cleaned_fills and not f.primary_key and {f.name, f.attname} & constrained
    ]
