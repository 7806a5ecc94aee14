"""Compares the target's tables with what a mapping writes: what can be bridged, and what cannot be written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections, models

from importer.exceptions import TargetRefused
from importer.specs.mapping import ManyPlan, Mapping
from importer.specs.tables import AnyField, parent_links, tables_of
from importer.validate.catalogue import TargetColumn, TargetTable

# Columns of the temporary tables.
OWN_NAMES = re.compile(r"importer_(number|turn|place|(sent|key)_\d+)")
TEXTS = ("varchar", "text", "char", "citext")


@dataclass(frozen=True, slots=True)
class Target:
    """The tables that hold the rows of a mapping's model: one, or with inheritance several, the parents' first."""

    tables: tuple[TargetTable, ...]
    columns: dict[str, TargetColumn]

    @classmethod
    def of(cls, mapping: Mapping) -> "Target":
        """Read the tables of a mapping's model. Raises TargetRefused if one is missing."""
        tables = tuple(_table_of(table, mapping) for table in mapping.tables)
        return cls(tables, {name: column for table in tables for name, column in table.columns.items()})

    def of_field(self, field: AnyField) -> TargetColumn:
        return self.columns[str(field.column)]

    @property
    def drops_inserts(self) -> bool:
        return any(table.drops_inserts for table in self.tables)

    @property
    def drops_updates(self) -> bool:
        return any(table.drops_updates for table in self.tables)

    @property
    def has_row_security(self) -> bool:
        return any(table.has_row_security for table in self.tables)

    def takes_copy(self, mapping: Mapping) -> bool:
        """Whether COPY into the table stores what INSERT stores, and tells how many rows it stored."""
        columns = [self.columns.get(str(f.column)) for f in mapping.written]
        is_sent_alike = not any(column is None or column.sent_as for column in columns)
        return is_sent_alike and not self.drops_inserts and not self.has_row_security

    def peculiarities(self, mapping: Mapping) -> Iterator[str]:
        """Yield what the importer does otherwise than for a table that is what its model says."""
        for field in mapping.written:
            column = self.columns.get(str(field.column))
            if column and column.sent_as and column.is_cast:
                yield f"{column.name} is {column.type}, and PostgreSQL converts {column.sent_as} to it"
            if column and column.is_identity:
                yield f"{column.name} is GENERATED ALWAYS AS IDENTITY; the source's numbers are kept"
        if self.drops_inserts or self.drops_updates:
            yield "a trigger or a rule may drop or divert a row, which is then rejected (not_stored)"
        if self.has_row_security:
            yield "row-level security counts, so rows are written by INSERT"

    def refuse_unwritable(self, mapping: Mapping) -> None:
        """Raise TargetRefused, with the way out, if the database would refuse every record."""
        for reason in self.obstacles(mapping):
            raise TargetRefused(reason)

    def obstacles(self, mapping: Mapping) -> Iterator[str]:
        """Yield each reason for which the database would refuse every record, with the way out."""
        for model, table in zip(mapping.tables, self.tables, strict=True):
            yield from _closed(table, mapping)
            yield from _missing_rights(table, mapping, model)
            written = mapping.written_to(model)
            for field in written:
                yield from _obstacles_of(field, table)
            if mapping.inserts and not table.has_insert_triggers and table.is_plain:
                yield from _unfilled(table, {str(f.column) for f in written})
            if mapping.on_conflict == "update" and table.has_update_rules:
                yield (
                    f'The table "{table.name}" has a rule for UPDATE, so PostgreSQL does not tell which rows it '
                    f'changed; replace the rule by a trigger, or import with on_conflict = "skip".'
                )
        for many in mapping.manys:
            yield from _obstacles_of_links(many, mapping)


def _table_of(model: type[models.Model], mapping: Mapping) -> TargetTable:
    name = str(model._meta.db_table)
    sent = {str(f.column): _sent_as(f, mapping.alias) for f in mapping.written}
    table = TargetTable.named(name, sent, mapping.alias)
    if table is None:
        raise TargetRefused(
            f'The database has no table "{name}" for {model.__name__}; run `manage.py migrate`, or correct '
            f"Meta.db_table."
        )
    return table


def _closed(table: TargetTable, mapping: Mapping) -> Iterator[str]:
    """Yield why a view or a foreign table takes no rows."""
    for what, is_open, is_wanted in (
        ("INSERT", table.takes_inserts, mapping.inserts),
        ("UPDATE", table.takes_updates, mapping.on_conflict == "update"),
    ):
        if is_wanted and not is_open:
            yield (
                f'PostgreSQL does not {what} rows of "{table.name}", which is not a plain table; give it an INSTEAD OF '
                f"trigger, or name the table below it in Meta.db_table."
            )


def _missing_rights(table: TargetTable, mapping: Mapping, model: type[models.Model]) -> Iterator[str]:
    for right, fields in _wanted_rights(mapping).items():
        columns = [table.columns.get(str(f.column)) for f in fields if f.model is model]
        missing = [column.name for column in columns if column and right not in column.rights]
        if not missing:
            continue
        is_for_all = not any(right in column.rights for column in table.columns.values())
        names = ", ".join(f'"{name}"' for name in dict.fromkeys(missing))
        what = "" if is_for_all else f" ({names})"
        yield (
            f'Permission denied for table "{table.name}": the database user lacks the right to {right}{what}; '
            f'GRANT {right}{what} ON "{table.name}" to it.'
        )
    filled = {str(f.column) for f in mapping.written_to(model)}
    for column in table.columns.values() if mapping.inserts else ():
        # An identity draws its numbers without a right, as long as nobody asks its sequence.
        if column.closed_sequence and (column.name in filled or not column.identity):
            yield (
                f"Permission denied for the sequence {column.closed_sequence}: the database user may not draw numbers; "
                f"GRANT USAGE ON SEQUENCE {column.closed_sequence} to it."
            )


def _wanted_rights(mapping: Mapping) -> dict[str, list[AnyField]]:
    key = [*mapping.key, *(f for group in mapping.unique_groups for f in group)]
    changed = [
        *mapping.mapped,
        *mapping.cleaned_fills,
        *(fill.field for fill in mapping.fills if fill.on_update),
    ]
    changed = [
        f for f in changed if mapping.on_conflict == "update" and f not in mapping.key and not f.primary_key
    ]
    return {
        "SELECT": [*key, *changed],
        "INSERT": list(mapping.written) if mapping.inserts else [],
        "UPDATE": changed,
    }


def _obstacles_of(field: AnyField, table: TargetTable) -> Iterator[str]:
    column = table.columns.get(str(field.column))
    if column is None:
        yield (
            f'The table "{table.name}" has no column "{field.column}" for the field "{field.name}"; run '
            f"`manage.py migrate`, or leave the field out with Meta.fields."
        )
    elif column.is_generated:
        yield (
            f'The database computes the column "{column.name}" of the table "{table.name}" itself; leave the field '
            f'"{field.name}" out with Meta.fields, or make it a GeneratedField.'
        )
    elif OWN_NAMES.fullmatch(column.name):
        yield (
            f'The table "{table.name}" has a column "{column.name}", a name that the import needs for itself; rename '
            f'it, or leave the field "{field.name}" out with Meta.fields.'
        )
    elif column.sent_as and not column.is_cast:
        yield (
            f'The column "{column.name}" of the table "{table.name}" is {column.type}, but the field "{field.name}" '
            f"({type(field).__name__}) sends {column.sent_as}, which PostgreSQL does not convert; change the "
            f"field's class or the column's type."
        )


def _obstacles_of_links(many: ManyPlan, mapping: Mapping) -> Iterator[str]:
    """Yield why the table of a many-to-many field takes no links."""
    field = many.field
    through = field.remote_field.through._meta
    links = [through.get_field(name) for name in (field.m2m_field_name(), field.m2m_reverse_field_name())]
    columns = {str(link.column) for link in links}
    table = TargetTable.named(through.db_table, {}, mapping.alias)
    if table is None:
        yield (
            f'The database has no table "{through.db_table}" for the many-to-many field "{field.name}"; run '
            f"`manage.py migrate`, or correct its db_table."
        )
        return
    for link in links:
        yield from _obstacles_of(link, table)
    yield from _unfilled(table, columns)
    if not all(
        {"SELECT", "INSERT"} <= set(table.columns[name].rights) for name in columns & table.columns.keys()
    ):
        yield (
            f'Permission denied for table "{table.name}": the database user lacks the right to SELECT or INSERT; GRANT '
            f'SELECT, INSERT, DELETE ON "{table.name}" to it.'
        )


def _unfilled(table: TargetTable, written: set[str]) -> Iterator[str]:
    for column in table.columns.values():
        if column.must_have and column.name not in written:
            yield (
                f'The table "{table.name}" has a column "{column.name}" without a default that must have a value, and '
                f"this import does not fill it; declare it in the spec, or give it a default."
            )


def rows_of(model: type[models.Model], alias: str) -> str:
    """Return what a query reads the model's rows from: its table, or the join of its tables as a subquery."""
    quote: Any = connections[alias].ops.quote_name
    tables = tables_of(model)
    if len(tables) == 1:
        return str(quote(tables[0]._meta.db_table))
    name_of = {table: quote(table._meta.db_table) for table in tables}
    columns = ", ".join(
        f"{name_of[table]}.{quote(f.column)}" for table in tables for f in table._meta.local_concrete_fields
    )
    conditions: dict[Any, list[str]] = {}
    for link, parent in parent_links(model):
        child, key = f"{name_of[link.model]}.{quote(link.column)}", parent._meta.pk
        conditions.setdefault(parent, []).append(f"{child} = {name_of[parent]}.{quote(key.column)}")
    joins = "".join(
        f" JOIN {name_of[parent]} ON {' AND '.join(conditions[parent])}" for parent in reversed(tables[:-1])
    )
    return f"(SELECT {columns} FROM {name_of[tables[-1]]}{joins})"  # noqa: S608 (quoted names)


def comparable(
    field: AnyField, column: str, text: str, *, type_: str, is_text: bool, alias: str
) -> tuple[str, str]:
    """Return a column and a text that the field has accepted, as SQL that PostgreSQL can compare whatever the text is.

    A text field may be a number or an enum in the table, and not every text can be cast to those.
    """
    if _sent_as(field, alias) is None and not is_text:
        return f"{column}::text", text
    return column, f"{text}::{type_}"


def _sent_as(field: AnyField, alias: str) -> str | None:
    """Return the type in which `save()` sends a field's values; None for text, which PostgreSQL reads as any type."""
    if isinstance(field, models.DateTimeField) and not settings.USE_TZ:
        return "timestamp"
    connection = connections[alias]
    auto = isinstance(field, models.AutoField | models.BigAutoField | models.SmallAutoField)
    db_type = str((field.rel_db_type if auto else field.db_type)(connection))
    return None if db_type.partition("(")[0] in TEXTS else db_type
