"""The temporary table through which a batch is compared with the target, as a set."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from django.db import connections, models
from django.db.backends.utils import CursorWrapper

from importer.order.hidden import unseen_constraint
from importer.records import RecordError
from importer.specs.mapping import Mapping
from importer.validate.judge import as_errors
from importer.validate.lanes import AnyField
from importer.write.constraints import constraint_code, fields_of, has_own_words
from importer.write.copy import copy_frame
from importer.write.duplicates import judge_duplicates
from importer.write.rounds import rounds
from importer.write.sample import MOST, Sample

# Column that holds a record's number in its batch.
NUMBER = "importer_number"
# Column that parts records of one key: the first one is written, then the second one over it, and so on.
TURN = "importer_turn"


@dataclass(slots=True)
class Settled:
    """Fates of staged rows. `entangled` rows were not written: their fates depend on one another, round by round."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: dict[int, list[RecordError]] = field(default_factory=dict)
    entangled: list[list[int]] = field(default_factory=list)


class Staging:
    def __init__(self, mapping: Mapping, name: str, sample: Sample | None = None) -> None:
        self.mapping = mapping
        self.sample = sample
        self.connection = connections[mapping.alias]
        self.quote = self.connection.ops.quote_name
        self.stage = self.quote(name)
        self.target = self.quote(mapping.model._meta.db_table)
        self.written = [self._column(f) for f in mapping.written]
        key = set(mapping.key)
        self.other_groups = [group for group in mapping.unique_groups if set(group) != key]
        self.compared = [
            f for f in (*mapping.mapped, *mapping.cleaned_fills) if f not in key and not f.primary_key
        ]
        self.kept = _kept(mapping)
        self.has_hidden_rivalries = bool(unseen_constraint(mapping))

    def settle(self, cursor: CursorWrapper, rows: pl.DataFrame, *, are_apart: bool) -> Settled:
        """Write the rows that can be written; say of every other one why not, or that it is skipped.

        `are_apart`: it is known that none of them hangs on another one.
        """
        self._create(cursor)
        if self.mapping.key_is_unique or not self.mapping.key:
            # The temporary table has no statistics: without this, one batch may cost a scan of the whole target.
            cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        columns = ", ".join([NUMBER, *self.written])
        copy_frame(cursor, f"COPY {self.stage} ({columns}) FROM STDIN (FORMAT csv)", rows)
        settled = Settled()
        self._keep_columns(cursor)
        self._refuse_failed_checks(cursor, settled)
        if self.mapping.on_conflict == "update" and rows.height > 1 and not are_apart:
            settled.entangled = self._disentangle(cursor, settled)
        self._meet_existing_rows(cursor, settled)
        turns = self._part_duplicates(cursor, settled)
        for turn in range(turns):
            self._write_turn(cursor, turn, settled)
        return settled

    def _create(self, cursor: CursorWrapper) -> None:
        types = ", ".join(
            f"{self._column(f)} {f.rel_db_type(self.connection) if self._is_serial(f) else f.db_type(self.connection)}"
            for f in self.mapping.written
        )
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.stage} "
            f"({NUMBER} integer, {TURN} smallint NOT NULL DEFAULT 0, {types})"
        )
        # Emptied rather than dropped: making a table for each batch would bloat the catalogue.
        cursor.execute(f"TRUNCATE {self.stage}")

    def _keep_columns(self, cursor: CursorWrapper) -> None:
        """What an update leaves alone is judged as it stands in the row, and not by the default of a new one."""
        if self.kept:
            values = ", ".join(f"{self._column(f)} = t.{self._column(f)}" for f in self.kept)
            cursor.execute(
                f"UPDATE {self.stage} AS s SET {values} FROM {self.target} AS t WHERE {self._same_key()}"
            )

    # 1. Check constraints, each as one query

    def _refuse_failed_checks(self, cursor: CursorWrapper, settled: Settled) -> None:
        names = {name for f in self.mapping.written for name in (f.name, f.attname)}
        for constraint in self.mapping.constraints:
            if not isinstance(constraint, models.CheckConstraint):
                continue
            if not fields_of(constraint) <= names:
                continue
            editor = self.connection.SchemaEditorClass(self.connection, collect_sql=True)
            check = constraint._get_check_sql(self.mapping.model, editor)  # type: ignore[attr-defined]
            numbers = self._numbers(cursor, f"SELECT {NUMBER} FROM {self.stage} WHERE NOT ({check})")
            error = RecordError(
                "", constraint_code(constraint), str(constraint.get_violation_error_message())
            )
            self._set_aside(cursor, numbers, settled, [error])

    # 2. Rows that exist already

    def _meet_existing_rows(self, cursor: CursorWrapper, settled: Settled) -> None:
        mapping = self.mapping
        if mapping.key and mapping.on_conflict != "update":
            numbers = self._numbers(cursor, self._matches(self._same_key()))
            if mapping.on_conflict == "skip":
                settled.skipped += len(numbers)
                self._set_aside(cursor, numbers, settled, [])
            else:
                self._set_aside(cursor, numbers, settled, self._unique_errors(mapping.key))
        for group in self.other_groups:
            condition = self._same(group)
            if mapping.on_conflict == "update":
                condition += f" AND NOT ({self._same_key()})"
            numbers = self._numbers(cursor, self._matches(condition))
            self._set_aside(cursor, numbers, settled, self._unique_errors(group))

    def _disentangle(self, cursor: CursorWrapper, settled: Settled) -> list[list[int]]:
        """Take out the rows that an update of another row of this batch may make possible or impossible.

        Those are rows that share a unique value within the batch, rows that want the value of an existing row, and
        rows that may change that existing row. All others neither touch them nor each other.
        """
        if self.has_hidden_rivalries and self._changes_any(cursor):
            numbers = self._numbers(cursor, f"SELECT {NUMBER} FROM {self.stage} ORDER BY {NUMBER}")
            self._set_aside(cursor, numbers, settled, [])
            return [[number] for number in numbers]
        if not self.other_groups:
            return []
        links = [
            link
            for group in [self.mapping.key, *self.other_groups]
            for link in self._duplicates(cursor, group)
        ]
        for group in self.other_groups:
            cursor.execute(
                f"SELECT s.{NUMBER}, holder.{NUMBER} FROM {self.stage} AS s "
                f"JOIN {self.target} AS t ON {self._same(group)} AND NOT ({self._same_key()}) "
                f"LEFT JOIN {self.stage} AS holder ON {self._same_key('holder')}"
            )
            links += [[number for number in row if number is not None] for row in cursor.fetchall()]
        self._set_aside(cursor, sorted({number for link in links for number in link}), settled, [])
        return rounds(links)

    def _changes_any(self, cursor: CursorWrapper) -> bool:
        if not self.compared:
            return False
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM {self.stage} AS s JOIN {self.target} AS t "
            f"ON {self._same_key()} WHERE {self._differs()})"
        )
        return bool(cursor.fetchone()[0]) or bool(self._duplicates(cursor, self.mapping.key))

    # 3. Records of one batch that collide with one another, in the order of the source

    def _part_duplicates(self, cursor: CursorWrapper, settled: Settled) -> int:
        groups = [self.mapping.key, *self.other_groups]
        records: dict[int, dict[int, int]] = {}
        for index, group in enumerate(groups):
            for value, numbers in enumerate(self._duplicates(cursor, group) if group else []):
                for number in numbers:
                    records.setdefault(number, {})[index] = value
        verdicts = judge_duplicates(records, on_conflict=self.mapping.on_conflict)
        for number, index in verdicts.refused.items():
            self._set_aside(cursor, [number], settled, self._unique_errors(groups[index]))
        self._set_aside(cursor, verdicts.skipped, settled, [])
        settled.skipped += len(verdicts.skipped)
        for number, turn in verdicts.turns.items():
            cursor.execute(f"UPDATE {self.stage} SET {TURN} = %s WHERE {NUMBER} = %s", [turn, number])
        return 1 + max(verdicts.turns.values(), default=0)

    def _duplicates(self, cursor: CursorWrapper, group: Iterable[AnyField]) -> list[list[int]]:
        columns = [self._column(f) for f in group]
        present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        if tuple(group) == self.mapping.key and self.mapping.empty_parts_are_equal:
            present = "true"
        cursor.execute(
            f"SELECT array_agg({NUMBER} ORDER BY {NUMBER}) FROM {self.stage} WHERE {present} "
            f"GROUP BY {', '.join(columns)} HAVING count(*) > 1"
        )
        return [row[0] for row in cursor.fetchall()]

    # 4. What is left can be written

    def _write_turn(self, cursor: CursorWrapper, turn: int, settled: Settled) -> None:
        cursor.execute(f"SELECT count(*) FROM {self.stage} WHERE {TURN} = {turn}")
        records = cursor.fetchone()[0]
        is_new = "true"
        updated = 0
        if self.mapping.on_conflict == "update":
            updated = self._update(cursor, turn)
            is_new = f"NOT EXISTS (SELECT 1 FROM {self.target} AS t WHERE {self._same_key()})"
        columns = ", ".join(self.written)
        if self.sample is not None:
            self._sample_inserts(cursor, f"{TURN} = {turn} AND {is_new}", self.sample)
        cursor.execute(
            f"INSERT INTO {self.target} ({columns}) SELECT {columns} FROM {self.stage} AS s "
            f"WHERE {TURN} = {turn} AND {is_new} ORDER BY {NUMBER}"
        )
        settled.inserted += cursor.rowcount
        settled.updated += updated
        settled.unchanged += records - cursor.rowcount - updated

    def _update(self, cursor: CursorWrapper, turn: int) -> int:
        mapping = self.mapping
        compared = [self._column(f) for f in self.compared]
        if not compared:
            return 0
        moments = [self._column(fill.field) for fill in mapping.fills if fill.on_update]
        if self.sample is not None:
            self._sample_updates(cursor, turn, compared, self.sample)
        assignments = ", ".join(f"{column} = s.{column}" for column in [*compared, *moments])
        # Records are counted, not rows: a key without a unique constraint may have several.
        cursor.execute(
            f"WITH changed AS (UPDATE {self.target} AS t SET {assignments} FROM {self.stage} AS s "
            f"WHERE s.{TURN} = {turn} AND {self._same_key()} AND {self._differs()} RETURNING s.{NUMBER}) "
            f"SELECT count(DISTINCT {NUMBER}) FROM changed"
        )
        return int(cursor.fetchone()[0])

    # What a dry run shows

    def _sample_inserts(self, cursor: CursorWrapper, condition: str, sample: Sample) -> None:
        limit = MOST - len(sample.inserted)
        columns = self.mapping.mapped
        texts = ", ".join(f"{self._column(f)}::text" for f in columns)
        cursor.execute(
            f"SELECT {texts} FROM {self.stage} AS s WHERE {condition} ORDER BY {NUMBER} LIMIT {limit}"
        )
        sample.inserted += [
            dict(zip((f.name for f in columns), row, strict=True)) for row in cursor.fetchall()
        ]

    def _sample_updates(self, cursor: CursorWrapper, turn: int, compared: list[str], sample: Sample) -> None:
        limit = MOST - len(sample.updated)
        keys = [self._column(f) for f in self.mapping.key]
        texts = ", ".join([*(f"s.{c}::text" for c in keys), *(f"t.{c}::text, s.{c}::text" for c in compared)])
        cursor.execute(
            f"SELECT {texts} FROM {self.target} AS t JOIN {self.stage} AS s ON {self._same_key()} "
            f"WHERE s.{TURN} = {turn} AND {self._differs()} ORDER BY s.{NUMBER} LIMIT {limit}"
        )
        for row in cursor.fetchall():
            pairs = zip(compared, row[len(keys) :: 2], row[len(keys) + 1 :: 2], strict=True)
            changes = {
                column.strip('"'): [before, after] for column, before, after in pairs if before != after
            }
            sample.updated.append({"key": list(row[: len(keys)]), "changes": changes})

    # Pieces of SQL

    def _column(self, f: AnyField) -> str:
        return self.quote(str(f.column))

    def _is_serial(self, f: AnyField) -> bool:
        return isinstance(f, models.AutoField | models.BigAutoField | models.SmallAutoField)

    def _same(self, group: Iterable[AnyField]) -> str:
        return " AND ".join(f"t.{self._column(f)} = s.{self._column(f)}" for f in group)

    def _same_key(self, stage: str = "s") -> str:
        """Equal keys; where a row is to be recognised, empty parts are equal too, though not to SQL."""
        strict = len(self.mapping.key) == 1 or not self.mapping.empty_parts_are_equal
        return " AND ".join(
            f"t.{self._column(f)} {'=' if strict or not f.null else 'IS NOT DISTINCT FROM'} {stage}.{self._column(f)}"
            for f in self.mapping.key
        )

    def _differs(self) -> str:
        old, new = (", ".join(f"{side}.{self._column(f)}" for f in self.compared) for side in "ts")
        return f"ROW({old}) IS DISTINCT FROM ROW({new})"

    def _matches(self, condition: str) -> str:
        exists = f"EXISTS (SELECT 1 FROM {self.target} AS t WHERE {condition})"
        return f"SELECT s.{NUMBER} FROM {self.stage} AS s WHERE {exists}"

    def _numbers(self, cursor: CursorWrapper, sql: str) -> list[int]:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]

    def _set_aside(
        self, cursor: CursorWrapper, numbers: list[int], settled: Settled, errors: list[RecordError]
    ) -> None:
        if not numbers:
            return
        cursor.execute(f"DELETE FROM {self.stage} WHERE {NUMBER} = ANY(%s)", [numbers])
        for number in numbers:
            if errors:
                settled.errors.setdefault(number, []).extend(errors)

    def _unique_errors(self, group: tuple[AnyField, ...]) -> list[RecordError]:
        names = tuple(f.name for f in group)
        for constraint in self.mapping.constraints:
            if isinstance(constraint, models.UniqueConstraint) and has_own_words(constraint, names):
                about = names[0] if constraint.violation_error_code == "unique" and len(names) == 1 else ""
                message = str(constraint.get_violation_error_message())
                return [RecordError(about, constraint_code(constraint), message)]
        error: Any = self.mapping.model().unique_error_message(self.mapping.model, names)
        return as_errors(names[0] if len(names) == 1 else "", error)


def _kept(mapping: Mapping) -> list[AnyField]:
    """Fields that an update does not set, as far as check constraints or unique groups look at them."""
    if mapping.on_conflict != "update":
        return []
    judged = {f.name for group in mapping.unique_groups for f in group}
    for constraint in mapping.constraints:
        if isinstance(constraint, models.CheckConstraint):
            judged |= fields_of(constraint)
    fills = [fill.field for fill in mapping.fills if not fill.on_update]
    return [
        f
        for f in fills
        if f not in mapping.cleaned_fills and not f.primary_key and {f.name, f.attname} & judged
    ]
