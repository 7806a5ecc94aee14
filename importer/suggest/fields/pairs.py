"""Judges pairs of a column and a field: by their names, and by what the field's own validation accepts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import models

from importer.batches import Batch
from importer.records import Position
from importer.specs.mapping import ColumnPlan
from importer.suggest.fields.choices import guess_choices
from importer.suggest.fields.options import ColumnOptions, Doubt, options_for, reading_of
from importer.suggest.fields.references import FoundBy, MayAsk, references_of
from importer.suggest.guess import Guess, percent
from importer.suggest.names import OF_DATES, OF_FLAGS, likeness, meaning_of, words_of
from importer.suggest.values.columns import ColumnProfile
from importer.validate.validate import Validator

# Values of a column that are validated.
MOST_CHECKED = 200
# Names: alike without doubt, and worth a proposal.
ALIKE, PROPOSED = 0.9, 0.62
# Fields that keep the identifier of the system a record comes from.
LEGACY = re.compile(
    r"(?:legacy|old|external|source|original|imported|remote|foreign)_?(?:id|key|pk|number|no|code|ref)"
)
# What the name of a foreign key's column may add to the field's.
OF_KEYS = frozenset({"id", "code", "number", "name", "key", "ref", "reference"})


@dataclass(frozen=True, slots=True)
class Pair:
    column: ColumnProfile
    field: Any
    name: float
    told: str


@dataclass(frozen=True, slots=True)
class Judged:
    pair: Pair
    score: float
    share: float
    options: ColumnOptions
    doubts: tuple[Doubt, ...]
    reference: Guess[FoundBy] | None


def names_of(field: Any) -> list[str]:
    verbose = str(field.verbose_name or "")
    return list(dict.fromkeys(filter(None, (field.name, field.attname, verbose, str(field.db_column or "")))))


def pair_of(
    model: type[models.Model], column: ColumnProfile, field: Any, earlier: dict[str, str]
) -> Pair | None:
    if earlier.get(column.name) == field.name:
        return Pair(column, field, 1.01, "same as last time")
    about = words_of(model._meta.object_name or "")
    is_date = isinstance(field, models.DateField)
    ignoring = frozenset(OF_DATES if is_date else OF_FLAGS if isinstance(field, models.BooleanField) else ())
    best = max(likeness(column.name, name, about=about, ignoring=ignoring) for name in names_of(field))
    if field.is_relation:
        short = max(likeness(column.name, name, about=about, ignoring=OF_KEYS) for name in names_of(field))
        best = max(best, (short[0] - 0.02, short[1]))
    if is_database_key(field) and best[0] < ALIKE:
        return None  # "customer id" is no key of this table
    if is_legacy_id(field) and _is_id(column, about) and best[0] < ALIKE:
        best = (0.86, "is unique and may be")
    if best[0] < PROPOSED:
        return None
    if best[0] >= 1:
        return Pair(column, field, 1.0, _of_same_name(column, field))
    return Pair(column, field, best[0], f'{best[1]} "{field.name}"')


def _of_same_name(column: ColumnProfile, field: Any) -> str:
    """Say which of the field's names the column has: its own, or its label in the admin."""
    is_own = words_of(column.name) == words_of(field.name)
    return "same name" if is_own else f'same name as "{field.verbose_name}"'


def is_legacy_id(field: Any) -> bool:
    return bool(LEGACY.fullmatch(field.name))


def _is_id(column: ColumnProfile, about: Sequence[str]) -> bool:
    """Tell whether a column is what numbers the records of the old system."""
    words = [word for word in meaning_of(words_of(column.name)) if word not in about]
    return (
        column.is_unique
        and column.filled == 1
        and words in (["id"], ["user", "id"], ["record", "id"], ["number"], [])
    )


def is_database_key(field: Any) -> bool:
    """Tell whether the database numbers the rows itself: numbers from a file take the place of its own."""
    return bool(field.primary_key) and isinstance(
        field, models.AutoField | models.BigAutoField | models.SmallAutoField
    )


def judge(pair: Pair, alias: str, may_ask: MayAsk) -> Judged | None:
    column, field = pair.column, pair.field
    if column.is_empty:
        return Judged(pair, pair.name * 0.9, 1.0, ColumnOptions(), (), None)
    if field.is_relation:
        reference = references_of(field, column, alias, may_ask)
        if reference is None:
            return None
        options = ColumnOptions(null_values=options_for(column, field)[0].null_values)
        return Judged(
            pair,
            pair.name * (0.5 + 0.5 * reference.value.share),
            reference.value.share,
            options,
            (),
            reference,
        )
    options, doubts = options_for(column, field)
    if field.choices:
        options, more = guess_choices(column, field, options)
        doubts = [*doubts, *more]
    share = share_accepted(field, column, options, alias)
    if not share and pair.name < 1:
        return None
    return Judged(pair, pair.name * (0.5 + 0.5 * share), share, options, tuple(doubts), None)


def share_accepted(field: Any, column: ColumnProfile, options: ColumnOptions, alias: str) -> float:
    """Return the share of the column's records that the field's own validation accepts."""
    declared = options.as_column(column.name)
    notation = declared.notation
    values = dict(list(column.values.items())[:MOST_CHECKED])
    texts = pl.DataFrame({"": list(values)}, {"": pl.String})
    plan = ColumnPlan(
        field=field,
        column="",
        target="value",
        reports_as=field.name,
        null_values=frozenset(options.null_values or ("",)),
        transforms=declared.transforms,
        formats=declared.formats,
        notation=notation if notation.is_of_numbers or notation.is_of_booleans else None,
    )
    batch = Batch(texts, pl.int_range(1, texts.height + 1, eager=True), Position(0, 1), Position(0, 1))
    refused = Validator([plan], alias).validate(batch).errors
    weights = list(values.values())
    return 1 - sum(weights[number] for number in refused) / sum(weights)


def told_of(judged: Judged) -> str:
    pair = judged.pair
    if pair.column.is_empty:
        return f"{pair.told}; the sample has no value in it"
    if judged.reference:
        return pair.told
    count = sum(pair.column.values.values())
    told = (
        f"all {count:,} values fit"
        if judged.share == 1
        else f"{percent(judged.share)} of {count:,} values fit"
    )
    reading = reading_of(pair.column, judged.options)
    told = reading if reading and judged.share == 1 else "; ".join(filter(None, (reading, told)))
    if is_database_key(pair.field):
        told += "; the old numbers become primary keys"
    return "; ".join(dict.fromkeys([pair.told, *told.split("; ")]))
