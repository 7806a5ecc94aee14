"""Holds a batch in a temporary table, in the types of the target, while its fates are decided."""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from django.db import models
from django.db.backends.utils import CursorWrapper

from importer.records import RecordError
from importer.specs.mapping import AnyField, Mapping
from importer.specs.tables import fields_of
from importer.write.comparison import NUMBER, TURN, Comparison, numbers_of
from importer.write.copy import copy_frame
from importer.write.written import Written


class BatchTable:
    """The temporary table of one mapping, which is created once and truncated for each batch."""

    def __init__(self, comparison: Comparison) -> None:
        self.sql = comparison
        self.mapping = comparison.mapping
        # Columns whose values PostgreSQL has to convert → the columns of the type in which they are sent.
        self.sent = {
            f: f"importer_sent_{n}"
            for n, f in enumerate(self.mapping.written)
            if comparison.target.of_field(f).sent_as
        }
        self.untouched = _untouched(self.mapping)

    def load(self, cursor: CursorWrapper, rows: pl.DataFrame) -> None:
        """Replace the table's content by these rows, converted as PostgreSQL stores what `save()` sends."""
        self._create(cursor)
        columns = ", ".join([NUMBER, *(self.sent.get(f, self.sql.column(f)) for f in self.mapping.written)])
        copy_frame(cursor, f"COPY {self.sql.batch} ({columns}) FROM STDIN (FORMAT csv)", rows)
        if self.sent:
            values = ", ".join(f"{self.sql.column(f)} = {name}" for f, name in self.sent.items())
            cursor.execute(f"UPDATE {self.sql.batch} SET {values}")

    def _create(self, cursor: CursorWrapper) -> None:
        columns = {f: self.sql.target.of_field(f) for f in self.mapping.written}
        types = ", ".join(
            [
                *(f"{self.sql.column(f)} {column.type}" for f, column in columns.items()),
                *(f"{name} {columns[f].sent_as}" for f, name in self.sent.items()),
            ]
        )
        cursor.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.sql.batch} "
            f"({NUMBER} integer, {TURN} smallint NOT NULL DEFAULT 0, {types})"
        )
        # Truncated, not dropped: a table per batch would bloat the system catalogue.
        cursor.execute(f"TRUNCATE {self.sql.batch}")

    def keep_columns(self, cursor: CursorWrapper) -> None:
        """Take over the row's values in fields that an update does not set, so that constraints see them."""
        if self.untouched:
            self._take_from_rows(cursor, self.untouched, "")
        for plan in self.mapping.kept:
            self._take_from_rows(cursor, [plan.field], f" AND s.{self.sql.column(plan.field)} IS NULL")

    def take_primary_keys(self, cursor: CursorWrapper) -> None:
        """Take over the primary keys of the rows, where an update has kept them."""
        links = (link for link, _ in self.mapping.parent_links)
        self._take_from_rows(cursor, [*self.mapping.primary_keys, *links], "")

    def _take_from_rows(self, cursor: CursorWrapper, fields: Iterable[AnyField], condition: str) -> None:
        values = ", ".join(f"{self.sql.column(f)} = t.{self.sql.column(f)}" for f in fields)
        cursor.execute(
            f"UPDATE {self.sql.batch} AS s SET {values} FROM {self.sql.rows} AS t "
            f"WHERE {self.sql.same_key()}{condition}"
        )

    def draw_primary_keys(self, cursor: CursorWrapper) -> None:
        """Give each new record the primary keys that the database would, and the references of child tables to them."""
        for f in self.mapping.drawn:
            column = self.sql.column(f)
            cursor.execute(
                f"UPDATE {self.sql.batch} SET {column} = {self.sql.target.of_field(f).default} WHERE {column} IS NULL"
            )
        if self.mapping.parent_links:
            values = ", ".join(
                f"{self.sql.column(link)} = {self.sql.column(root)}"
                for link, root in self.mapping.parent_links
            )
            cursor.execute(f"UPDATE {self.sql.batch} SET {values}")

    def take_out(
        self,
        cursor: CursorWrapper,
        numbers: Sequence[int],
        written: Written,
        errors: Sequence[RecordError] = (),
    ) -> None:
        """Remove records whose fate is decided. With errors they are rejected."""
        if not numbers:
            return
        cursor.execute(f"DELETE FROM {self.sql.batch} WHERE {NUMBER} = ANY(%s)", [list(numbers)])
        for number in numbers:
            if errors:
                written.reject(number, errors)

    def duplicates(self, cursor: CursorWrapper, group: Iterable[AnyField]) -> list[list[int]]:
        """Return the records that are equal in these fields, as lists of numbers in source order."""
        columns = [self.sql.column(f) for f in group]
        present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        if tuple(group) == self.mapping.key and self.mapping.empty_parts_are_equal:
            present = "true"
        equal: list[Any] = numbers_of(
            cursor,
            f"SELECT array_agg({NUMBER} ORDER BY {NUMBER}) FROM {self.sql.batch} WHERE {present} "
            f"GROUP BY {', '.join(columns)} HAVING count(*) > 1",
        )
        return equal


def _untouched(mapping: Mapping) -> list[AnyField]:
    """Return the fields that an update does not set, but check constraints, unique groups or other tables read."""
    if mapping.on_conflict != "update":
        return []
    constrained = {f.name for group in mapping.unique_groups for f in group}
    for constraint in mapping.constraints:
        if isinstance(constraint, models.CheckConstraint):
            constrained |= fields_of(constraint)
    fills = [fill.field for fill in mapping.fills if not fill.on_update]
    kept = [
        f
        for f in fills
        if f not in mapping.cleaned_fills and not f.primary_key and {f.name, f.attname} & constrained
    ]
    return [*kept, *(f for f in fills if f in mapping.primary_keys)]
