"""Finds what makes a database refuse every record, each with the way out."""

import re
from collections.abc import Iterator

from django.db import models

from importer.specs.mapping import ManyPlan, Mapping
from importer.specs.tables import AnyField
from importer.validate.catalogue import TargetTable

# Columns of the temporary tables.
OWN_NAMES = re.compile(r"importer_(number|turn|place|line|(sent|key)_\d+)")


def obstacles_of_table(table: TargetTable, model: type[models.Model], mapping: Mapping) -> Iterator[str]:
    """Yield why a table takes none of a mapping's rows."""
    yield from _closed(table, mapping)
    yield from _missing_rights(table, mapping, model)
    written = mapping.written_to(model)
    for field in written:
        yield from _of_column(field, table)
    if mapping.inserts and not table.has_insert_triggers and table.is_plain:
        yield from _unfilled(table, {str(f.column) for f in written})
    if mapping.on_conflict == "update" and table.has_update_rules:
        yield (
            f'The table "{table.name}" has a rule for UPDATE, so PostgreSQL does not tell which rows it changed; '
            f'replace the rule by a trigger, or import with on_conflict = "skip".'
        )


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


def _of_column(field: AnyField, table: TargetTable) -> Iterator[str]:
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


def obstacles_of_links(many: ManyPlan, mapping: Mapping) -> Iterator[str]:
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
        yield from _of_column(link, table)
    yield from _unfilled(table, columns)
    rights = [table.columns[name].rights for name in columns & table.columns.keys()]
    missing = [right for right in ("SELECT", "INSERT") if not all(right in granted for granted in rights)]
    if mapping.on_conflict == "update" and not table.may_delete:
        missing.append("DELETE")
    if missing:
        names = ", ".join(missing)
        yield (
            f'Permission denied for table "{table.name}": the database user lacks the right to {names}; GRANT {names} '
            f'ON "{table.name}" to it.'
        )


def _unfilled(table: TargetTable, written: set[str]) -> Iterator[str]:
    for column in table.columns.values():
        if column.must_have and column.name not in written:
            yield (
                f'The table "{table.name}" has a column "{column.name}" without a default that must have a value, and '
                f"this import does not fill it; declare it in the spec, or give it a default."
            )
