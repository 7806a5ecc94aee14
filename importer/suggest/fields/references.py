"""Finds by which field of its parents a foreign key's column names them: asks the database for the sample's values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from importer.specs.offered import is_sensitive
from importer.suggest.guess import Alternative, Guess, percent
from importer.suggest.names import meaning_of, words_of
from importer.suggest.values.columns import ColumnProfile

# Values that one query asks for, and fields of a parent that are tried.
MOST_VALUES, MOST_FIELDS = 400, 6
ENOUGH = 0.9
NATURAL = ("code", "number", "slug", "email", "name", "title", "username", "label", "symbol")


@dataclass(frozen=True, slots=True)
class FoundBy:
    """The parent's field by which the sample's values are found: `found` of `asked` distinct values."""

    to: str
    found: int
    asked: int
    is_unique: bool

    @property
    def share(self) -> float:
        return self.found / self.asked if self.asked else 0.0


# Tells whether somebody may know which rows of a model exist: a match says so.
MayAsk = Callable[[type[models.Model]], bool]


def anybody(_: type[models.Model]) -> bool:
    return True


def references_of(
    field: Any, column: ColumnProfile, alias: str, may_ask: MayAsk = anybody
) -> Guess[FoundBy] | None:
    """Guess by which field of its parents a column names them. None: no field of them takes such values."""
    parent = field.related_model
    if parent is None:
        return None
    if not may_ask(parent):
        return _by_name(parent, column)
    tried = [found for each in _fields(parent) if (found := _found(parent, each, column, alias))]
    if not tried:
        return None
    if not parent._base_manager.using(alias).exists():
        likely = max(tried, key=lambda found: (_is_named(column, found.to), found.to != "pk"))
        table = parent._meta.verbose_name_plural
        told = f'there are no {table} yet; import them first. "{likely.to}" is the likely key'
        return Guess(FoundBy(likely.to, 1, 1, likely.is_unique), "doubtful", told, _others(tried, likely))
    best = max(
        tried, key=lambda found: (found.share, found.is_unique, found.to != "pk", _is_named(column, found.to))
    )
    told = f"{best.found:,} of {best.asked:,} values are found by “{best.to}”"
    if best.to == "pk":
        told += "; numbers of an old system are often found so by chance"
    elif not best.is_unique:
        told += ", which may name several"
    is_clear = best.share >= ENOUGH and best.is_unique and best.to != "pk"
    return Guess(best, "likely" if is_clear else "doubtful", told, () if is_clear else _others(tried, best))


def _by_name(parent: type[models.Model], column: ColumnProfile) -> Guess[FoundBy] | None:
    """Guess by names alone, where nobody may ask the database."""
    fields = _fields(parent)
    if not fields:
        return None
    best = max(fields, key=lambda field: (_is_named(column, field.name), not field.primary_key))
    to = "pk" if best.primary_key else best.name
    rows = parent._meta.verbose_name_plural
    told = f'whether values are found by "{to}" was not asked, because you may not see {rows}'
    return Guess(FoundBy(to, 1, 1, bool(best.unique)), "doubtful", told)


def _others(tried: list[FoundBy], best: FoundBy) -> tuple[Alternative[FoundBy], ...]:
    others = sorted((found for found in tried if found is not best), key=lambda found: -found.share)
    return tuple(
        Alternative(found, f"{percent(found.share)} are found by “{found.to}”") for found in others[:3]
    )


def _is_named(column: ColumnProfile, to: str) -> bool:
    return bool(set(meaning_of(words_of(to))) & set(meaning_of(words_of(column.name))))


def _fields(parent: type[models.Model]) -> list[Any]:
    """Return the fields that may name a row: the unique ones, then those with a telling name."""
    fields: list[Any] = [
        field
        for field in parent._meta.concrete_fields
        if not field.is_relation and not is_sensitive(field.name)
    ]
    unique = [field for field in fields if field.unique]
    named = [field for field in fields if field.name in NATURAL and not field.unique]
    return [*unique, *named][:MOST_FIELDS]


def _found(parent: type[models.Model], field: Any, column: ColumnProfile, alias: str) -> FoundBy | None:
    values = []
    for text in list(column.values)[:MOST_VALUES]:
        try:
            values.append(field.to_python(text.strip()))
        except (ValidationError, ValueError, TypeError, OverflowError):
            continue
    asked = min(len(column.values), MOST_VALUES)
    if not values or len(values) * 2 < asked:
        return None
    if isinstance(field, models.IntegerField) and any(not -(2**63) <= value < 2**63 for value in values):
        return None
    if any(isinstance(value, str) and "\0" in value for value in values):
        return None
    rows = parent._base_manager.using(alias).filter(**{f"{field.name}__in": values})
    found = rows.order_by().values_list(field.name, flat=True).distinct()[:MOST_VALUES]
    name = "pk" if field.primary_key else field.name
    return FoundBy(name, len(set(found)), asked, bool(field.unique))
