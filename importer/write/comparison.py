"""Writes the SQL that compares a batch (`s`, in its temporary table) with the target (`t`)."""

from collections.abc import Iterable

from django.db import connections
from django.db.backends.utils import CursorWrapper

from importer.specs.mapping import AnyField, Mapping
from importer.validate.target import Target, rows_of

# Column with a record's number in its batch.
NUMBER = "importer_number"
# Column that orders records of one key: the first is written, then the second over it, and so on.
TURN = "importer_turn"


class Comparison:
    """Pieces of SQL for one mapping and one temporary table."""

    def __init__(self, mapping: Mapping, target: Target, name: str) -> None:
        self.mapping = mapping
        self.target = target
        self.name = name
        self.quote = connections[mapping.alias].ops.quote_name
        self.batch = self.quote(name)
        self.rows = rows_of(mapping.model, mapping.alias)
        key = set(mapping.key)
        self.other_groups = [group for group in mapping.unique_groups if set(group) != key]
        self.compared = [
            f for f in (*mapping.mapped, *mapping.cleaned_fills) if f not in key and not f.primary_key
        ]

    def column(self, f: AnyField) -> str:
        return self.quote(str(f.column))

    def same(self, group: Iterable[AnyField]) -> str:
        return " AND ".join(f"t.{self.column(f)} = s.{self.column(f)}" for f in group)

    def same_key(self, batch: str = "s", row: str = "t") -> str:
        """Return the condition for equal keys. To recognise a row, empty parts count as equal, unlike in SQL."""
        strict = len(self.mapping.key) == 1 or not self.mapping.empty_parts_are_equal
        return " AND ".join(
            f"{row}.{self.column(f)} {'=' if strict or not f.null else 'IS NOT DISTINCT FROM'} {batch}.{self.column(f)}"
            for f in self.mapping.key
        )

    def differs(self) -> str:
        """Return the condition for rows whose stored values differ, also where PostgreSQL calls them equal.

        Equal are "a" and "A" of citext, boxes of one size, and 1.0 and 1.00; some types cannot be compared at all.
        """
        old, new = (", ".join(self._comparable(side, f) for f in self.compared) for side in "ts")
        return f"ROW({old})::record OPERATOR(pg_catalog.*<>) ROW({new})::record"

    @property
    def taken_groups(self) -> list[tuple[AnyField, ...]]:
        """The groups whose values other rows may have taken, beside those that the key recognises.

        With inheritance the key's own, too: a row of the parent's table alone is not recognised.
        """
        return self.other_groups if len(self.mapping.tables) == 1 else list(self.mapping.unique_groups)

    def is_taken(self, group: tuple[AnyField, ...]) -> str:
        """Return the condition for records whose values in a unique group another row has."""
        is_update = self.mapping.on_conflict == "update"
        if len(self.mapping.tables) == 1:
            return self.exists(self.same(group) + (f" AND NOT ({self.same_key()})" if is_update else ""))
        table = group[0].model
        condition = self.same(group)
        if is_update:
            key = self.column(table._meta.pk)
            own = f"{self.same_key(row='own')} AND own.{key} = t.{key}"
            condition += f" AND NOT EXISTS (SELECT 1 FROM {self.rows} AS own WHERE {own})"
        return f"EXISTS (SELECT 1 FROM {self.quote(table._meta.db_table)} AS t WHERE {condition})"

    def exists(self, condition: str) -> str:
        return f"EXISTS (SELECT 1 FROM {self.rows} AS t WHERE {condition})"

    def is_new(self) -> str:
        """Return the condition for records whose key is not in the target."""
        return f"NOT {self.exists(self.same_key())}"

    def matches(self, condition: str) -> str:
        """Return the query for the numbers of records that meet a condition."""
        return f"SELECT s.{NUMBER} FROM {self.batch} AS s WHERE {condition}"

    def _comparable(self, side: str, f: AnyField) -> str:
        as_type = self.target.of_field(f).compared_as
        return f"{side}.{self.column(f)}" + (f"::{as_type}" if as_type else "")


def numbers_of(cursor: CursorWrapper, sql: str) -> list[int]:
    """Return the first column of a query."""
    cursor.execute(sql)
    return [row[0] for row in cursor.fetchall()]
