"""Compares the target's tables with what a mapping writes: what can be bridged, and what cannot be written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connections, models

from importer.exceptions import TargetRefused
from importer.specs.mapping import Mapping
from importer.specs.tables import AnyField, parent_links, tables_of
from importer.validate.catalogue import TargetColumn, TargetTable
from importer.validate.obstacles import obstacles_of_links, obstacles_of_table

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
    def deletes_inserts(self) -> bool:
        return any(table.deletes_inserts for table in self.tables)

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
            yield from obstacles_of_table(table, model, mapping)
        for many in mapping.manys:
            yield from obstacles_of_links(many, mapping)


def _table_of(model: type[models.Model], mapping: Mapping) -> TargetTable:
    name = str(model._meta.db_table)
    sent = {str(f.column): _sent_as(f, mapping.alias) for f in mapping.written}
    table = TargetTable.named(name, sent, mapping.alias)
    if table is None:
        raise TargetRefused(
            f'The database has no table "{name}" for {model.__name__}; run `manage.py migrate`, or correct '
            f"Meta.db_table."
        )
    columns = {
        name: replace(column, sent_as=_literal_type(column.sent_as)) for name, column in table.columns.items()
    }
    return replace(table, columns=columns)


def rows_of(model: type[models.Model], alias: str, more: str = "") -> str:
    """Return what a query reads the model's rows from: its table, or the join of its tables as a subquery.

    `more`: further columns, as SQL about the tables by their names; then it is always a subquery.
    """
    quote: Any = connections[alias].ops.quote_name
    tables = tables_of(model)
    if len(tables) == 1 and not more:
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
    return f"(SELECT {columns}{more} FROM {name_of[tables[-1]]}{joins})"  # noqa: S608 (quoted names)


def comparable(
    field: AnyField, column: str, text: str, *, type_: str, is_text: bool, alias: str
) -> tuple[str, str]:
    """Return a column and a text that the field has accepted, as SQL that PostgreSQL can compare whatever the text is.

    A text field may be a number or an enum in the table, and not every text can be cast to those.
    """
    if _sent_as(field, alias) is None and not is_text:
        return f"{column}::text", text
    return column, f"{text}::{type_}"


def _literal_type(sent_as: str | None) -> str | None:
    """Return the type of the literal that is sent: floats and decimals arrive as numbers with all their digits."""
    is_number = sent_as is not None and sent_as.partition("(")[0] in ("double precision", "numeric")
    return "numeric" if is_number else sent_as


def _sent_as(field: AnyField, alias: str) -> str | None:
    """Return the type in which `save()` sends a field's values; None for text, which PostgreSQL reads as any type."""
    if isinstance(field, models.DateTimeField) and not settings.USE_TZ:
        return "timestamp"
    connection = connections[alias]
    auto = isinstance(field, models.AutoField | models.BigAutoField | models.SmallAutoField)
    db_type = str((field.rel_db_type if auto else field.db_type)(connection))
    return None if db_type.partition("(")[0] in TEXTS else db_type
