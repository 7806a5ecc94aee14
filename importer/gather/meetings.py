"""Finds the gathered records that depend on others: all but the first that claim a value that must be unique.

A record claims the values of the row that it becomes. One that updates a row also claims that row's values of before:
until it is written nobody else may have them, and then they are free. Of the records that claim one value, only the
first of the source is written with the others that are first; all later ones wait, and are settled in order. So no two
records that are written side by side depend on one another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connections
from django.db.backends.utils import CursorWrapper

from importer.specs.mapping import AnyField, Mapping
from importer.validate.indexes import Index, indexes_of
from importer.validate.queries import quoted
from importer.validate.target import Target
from importer.write.bare import LINE
from importer.write.comparison import Comparison
from importer.write.copy import column_of


@dataclass(frozen=True, slots=True)
class Group:
    """Expressions that the table keeps unique, or that an exclusion constraint compares.

    operators   of an exclusion constraint: two rows meet for which all of them are true
    definition  CREATE INDEX for the target, if it is an index
    """

    columns: Sequence[str]
    expressions: Sequence[str]
    condition: str | None = None
    nulls_are_equal: bool = False
    operators: Sequence[str] = ()
    definition: str = ""

    @classmethod
    def of_index(cls, index: Index) -> "Group":
        return cls(
            index.columns,
            index.expressions,
            index.condition,
            index.nulls_are_equal,
            index.operators,
            index.definition,
        )

    @classmethod
    def of_fields(cls, fields: Sequence[AnyField], *, nulls_are_equal: bool = False) -> "Group":
        columns = [column_of(f) for f in fields]
        return cls(columns, [quoted(name) for name in columns], nulls_are_equal=nulls_are_equal)


def groups_of(mapping: Mapping) -> list[Group]:
    """Return the sets by which records can meet: those of the table, of the model, and the spec's key."""
    connection = connections[mapping.alias]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s::regclass::oid::bigint", [connection.ops.quote_name(mapping.model._meta.db_table)]
        )
        indexes = indexes_of(cursor, cursor.fetchone()[0])
    groups = [Group.of_index(index) for index in indexes if index.is_unique or index.constraint == "x"]
    groups += [Group.of_fields(group) for group in mapping.unique_groups]
    if mapping.key:
        groups.append(Group.of_fields(mapping.key, nulls_are_equal=mapping.empty_parts_are_equal))
    return list(_without_repeats(groups))


def _without_repeats(groups: Sequence[Group]) -> Iterator[Group]:
    """Yield the groups, without those that are the same set of plain columns as another one."""
    seen: set[tuple[frozenset[str], bool]] = set()
    for group in groups:
        plain = frozenset(expression.strip('"') for expression in group.expressions)
        if group.condition or group.operators or plain != frozenset(group.columns):
            yield group
        elif (plain, group.nulls_are_equal) not in seen and (plain, True) not in seen:
            seen.add((plain, group.nulls_are_equal))
            yield group


@dataclass(frozen=True, slots=True)
class Meetings:
    """Writes the queries for the lines that have to wait. `gathered` is the quoted name of the table."""

    mapping: Mapping
    target: Target
    gathered: str

    def queries(self) -> list[str]:
        written = {column_of(f) for f in self.mapping.written}
        return [
            self._excluded(group) if group.operators else self._later(group)
            for group in groups_of(self.mapping)
            if set(group.columns) <= written  # a number that the table gives meets no other
        ]

    def indexes(self) -> Iterator[str]:
        """Yield the statements for the indexes by which overlaps are found; equal values are found without."""
        for group in groups_of(self.mapping):
            if group.operators:
                yield f"CREATE INDEX ON {self.gathered} USING {group.definition.partition(' USING ')[2]}"

    def do_keys_repeat(self, cursor: CursorWrapper) -> bool:
        key = Group.of_fields(self.mapping.key, nulls_are_equal=self.mapping.empty_parts_are_equal)
        cursor.execute(f"SELECT EXISTS ({self._later(key)})")
        return bool(cursor.fetchone()[0])

    def _later(self, group: Group) -> str:
        keys = [f"key_{number}" for number in range(len(group.expressions))]
        present = (
            "" if group.nulls_are_equal else f" WHERE {' AND '.join(f'{key} IS NOT NULL' for key in keys)}"
        )
        return (
            f"SELECT line FROM (SELECT line, min(line) OVER (PARTITION BY {', '.join(keys)}) AS first "
            f"FROM ({self._claims(group, keys)}) AS claim{present}) AS claim WHERE line > first"
        )

    def _excluded(self, group: Group) -> str:
        keys = [f"key_{number}" for number in range(len(group.expressions))]
        claims = self._claims(group, keys)
        meet = " AND ".join(
            f"earlier.{key} {operator} later.{key}"
            for key, operator in zip(keys, group.operators, strict=True)
        )
        return (
            f"SELECT later.line FROM ({claims}) AS later WHERE EXISTS "
            f"(SELECT FROM ({claims}) AS earlier WHERE earlier.line < later.line AND {meet})"
        )

    def _claims(self, group: Group, keys: Sequence[str]) -> str:
        """Select the line and the keys of each claim."""
        values = ", ".join(
            f"({expression}) AS {key}" for expression, key in zip(group.expressions, keys, strict=True)
        )
        where = f" WHERE {group.condition}" if group.condition else ""
        return " UNION ALL ".join(
            f"SELECT {LINE} AS line, {values} FROM ({rows}) AS claimed{where}" for rows in self._rows(group)
        )

    def _rows(self, group: Group) -> Iterator[str]:
        """Yield the queries for the rows, with the group's columns, that a record stands for."""
        sql = Comparison(self.mapping, self.target, "")
        names = ", ".join([LINE, *map(quoted, group.columns)])
        yield f"SELECT {names} FROM {self.gathered}"
        key = {column_of(f) for f in self.mapping.key}
        if self.mapping.on_conflict != "update" or set(group.columns) <= key:
            return
        existing = f"FROM {self.gathered} AS s JOIN {sql.rows} AS t ON {sql.same_key()}"
        yield f"SELECT s.{LINE}, {', '.join(f't.{quoted(name)}' for name in group.columns)} {existing}"
        changed = {
            column_of(f): f for f in (*sql.compared, *(f.field for f in self.mapping.fills if f.on_update))
        }
        kept = {column_of(plan.field) for plan in self.mapping.kept}
        if set(group.columns) <= changed.keys() - kept:
            return
        yield f"SELECT s.{LINE}, {', '.join(_after_update(name, changed, kept) for name in group.columns)} {existing}"


def _after_update(name: str, changed: dict[str, AnyField], kept: set[str]) -> str:
    column = quoted(name)
    if name not in changed:
        return f"t.{column}"
    return f"coalesce(s.{column}, t.{column}) AS {column}" if name in kept else f"s.{column}"
