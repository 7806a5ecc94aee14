"""Loads the existing rows that a batch will update, as model instances."""

from collections.abc import Mapping as Mapped
from typing import Any

from django.db import connections, models

from importer.specs.mapping import AnyField, Mapping
from importer.validate.target import Target, comparable, rows_of

PLACE = "importer_place"


def existing_rows(
    mapping: Mapping, target: Target, keys: Mapped[AnyField, list[str | None]]
) -> dict[int, models.Model]:
    """Return the rows with these keys, by the key's index in the lists (one query)."""
    columns = ", ".join(
        f"t.{_quoted(field.column, mapping.alias)}" for field in mapping.model._meta.concrete_fields
    )
    arrays = ", ".join("%s::text[]" for _ in keys)
    names = ", ".join(f"k{number}" for number in range(len(keys)))
    comparison = "IS NOT DISTINCT FROM" if len(keys) > 1 and any(field.null for field in keys) else "="
    pairs = [_pair(field, number, target, mapping.alias) for number, field in enumerate(keys)]
    matches = " AND ".join(f"{column} {comparison} {text}" for column, text in pairs)
    rows = rows_of(mapping.model, mapping.alias).replace("%", "%%")
    statement = (
        f"SELECT {columns}, wanted.{PLACE} - 1 AS {PLACE} "  # noqa: S608
        f"FROM unnest({arrays}) WITH ORDINALITY AS wanted({names}, {PLACE}) "
        f"JOIN {rows} AS t ON {matches}"
    )
    found: Any = mapping.model._base_manager.using(mapping.alias).raw(statement, list(keys.values()))
    return {getattr(row, PLACE): row for row in found}


def _pair(field: AnyField, number: int, target: Target, alias: str) -> tuple[str, str]:
    column = target.of_field(field)
    name = _quoted(column.name, alias)
    return comparable(
        field,
        f"t.{name}",
        f"wanted.k{number}",
        type_=column.type_to_cast,
        is_text=column.is_text,
        alias=alias,
    )


def _quoted(name: str | None, alias: str) -> str:
    """Quote a name for a statement with parameters, in which a percent sign is written twice."""
    return str(connections[alias].ops.quote_name(str(name))).replace("%", "%%")
