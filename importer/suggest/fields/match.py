"""Matches columns to fields: by their names, and by what the field's own validation accepts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models, router

from importer.specs.offered import offered_fields
from importer.suggest.fields.options import ColumnOptions, Doubt, options_for
from importer.suggest.fields.pairs import (
    ALIKE,
    PROPOSED,
    Judged,
    Pair,
    is_database_key,
    is_legacy_id,
    judge,
    names_of,
    pair_of,
    share_accepted,
    told_of,
)
from importer.suggest.fields.references import FoundBy, MayAsk, anybody, references_of
from importer.suggest.guess import Alternative, Confidence, Guess, percent
from importer.suggest.values.columns import ColumnProfile

# Pairs whose values are validated.
MOST_PAIRS = 400
FITS = 0.9
# Empty fields that a column without a field is tried with, such columns,
# and kinds of columns that no field of texts is meant for.
MOST_FREE, MOST_UNMATCHED = 12, 100
NO_TEXTS = ("integer", "decimal", "date", "moment", "boolean")
# Pairs closer than this rival each other.
CLOSE = 0.05
# Fields whose values look like nothing else, by the kind of a column.
TELLING: dict[str, type[models.Field]] = {
    "e-mail address": models.EmailField,
    "URL": models.URLField,
    "UUID": models.UUIDField,
    "IP address": models.GenericIPAddressField,
    "JSON": models.JSONField,
    "date": models.DateField,
    "moment": models.DateTimeField,
    "decimal": models.DecimalField,
}


@dataclass(frozen=True, slots=True)
class Match:
    """A column, the field that it fills ("" for none), and how that field reads it."""

    column: ColumnProfile
    field: Guess[str]
    options: ColumnOptions
    doubts: tuple[Doubt, ...] = ()
    reference: Guess[FoundBy] | None = None

    @property
    def is_doubtful(self) -> bool:
        return (
            self.field.is_doubtful or bool(self.doubts) or bool(self.reference and self.reference.is_doubtful)
        )


def known_names(model: type[models.Model]) -> list[str]:
    """Return the names that a header for this model may have."""
    fields = offered_fields(model)
    return [name for field in fields for name in names_of(field)]


def match_fields(
    model: type[models.Model],
    columns: Sequence[ColumnProfile],
    earlier: dict[str, str] | None = None,
    may_ask: MayAsk = anybody,
) -> list[Match]:
    """Match each column to at most one field, and each field to at most one column.

    earlier  fields by the names of columns, of the last file of this kind
    may_ask  of which models the database may be asked for rows
    """
    alias = router.db_for_write(model)
    fields = offered_fields(model)
    pairs = [
        pair
        for column in columns
        for field in fields
        if (pair := pair_of(model, column, field, earlier or {}))
    ]
    of_legacy = {pair.column.position for pair in pairs if is_legacy_id(pair.field)}
    pairs = [p for p in pairs if not (is_database_key(p.field) and p.column.position in of_legacy)]
    pairs.sort(key=lambda pair: (-pair.name, pair.column.position))
    judged = [each for pair in pairs[:MOST_PAIRS] if (each := judge(pair, alias, may_ask))]
    chosen = _assigned(judged)
    chosen |= _told_by_values(model, columns, fields, chosen, alias)
    taken = {each.pair.field.name for each in chosen.values()}
    free = [field for field in fields if field.name not in taken and not is_database_key(field)]
    return [
        _match(column, chosen[column.position], judged, chosen)
        if column.position in chosen
        else _unmatched(column, free[:MOST_FREE], alias, may_ask if number < MOST_UNMATCHED else None)
        for number, column in enumerate(columns)
    ]


def _assigned(judged: Iterable[Judged]) -> dict[int, Judged]:
    """Assign the best pairs first; equal ones in the order of the file, then of the model."""
    chosen: dict[int, Judged] = {}
    taken: set[str] = set()
    for each in sorted(judged, key=lambda j: (-j.score, j.pair.column.position)):
        position, name = each.pair.column.position, each.pair.field.name
        if position not in chosen and name not in taken and each.score >= PROPOSED * 0.75:
            chosen[position] = each
            taken.add(name)
    return chosen


def _told_by_values(
    model: type[models.Model],
    columns: Sequence[ColumnProfile],
    fields: Sequence[Any],
    chosen: dict[int, Judged],
    alias: str,
) -> dict[int, Judged]:
    """Propose the only column of e-mail addresses for the only field of them, whatever its name; others alike."""
    taken = {each.pair.field.name for each in chosen.values()}
    found = {}
    for kind, cls in TELLING.items():
        free = [c for c in columns if c.kind.value == kind and c.position not in chosen]
        wanting = [field for field in fields if isinstance(field, cls) and field.name not in taken]
        if len(free) == 1 and len(wanting) == 1:
            pair = Pair(free[0], wanting[0], PROPOSED, free[0].kind.evidence)
            options, doubts = options_for(free[0], wanting[0])
            share = share_accepted(wanting[0], free[0], options, alias)
            found[free[0].position] = Judged(pair, PROPOSED, share, options, tuple(doubts), None)
    return found


def _match(
    column: ColumnProfile, judged: Judged, all_judged: Sequence[Judged], chosen: dict[int, Judged]
) -> Match:
    rivals = _rivals(judged, all_judged, chosen)
    alternatives = tuple(
        Alternative(each.pair.field.name, told_of(each)) for each in rivals if each.pair.column is column
    )
    confidence = _confidence(judged, bool(rivals))
    told = told_of(judged)
    if others := [each.pair.column.name for each in rivals if each.pair.column is not column]:
        told = f'{told}; "{others[0]}" could fill it as well'
    guess = Guess(judged.pair.field.name, confidence, told, alternatives if confidence == "doubtful" else ())
    return Match(column, guess, judged.options, judged.doubts, judged.reference)


def _unmatched(column: ColumnProfile, free: Sequence[Any], alias: str, may_ask: MayAsk | None) -> Match:
    """Say which fields are still empty and would take a column that has no name like theirs. None: do not try."""
    told = "no field has a name like it"
    if column.is_empty:
        return Match(column, Guess("", "likely", f"{told}, and the sample no value in it"), ColumnOptions())
    if may_ask is None:
        told += "; the file has too many columns to try each with the free fields"
        return Match(column, Guess("", "doubtful" if free else "likely", told), ColumnOptions())
    near = tuple(
        Alternative(field.name, f"the field is free; {percent(share)} of the values fit")
        for field in free
        if (share := _share_of_free(field, column, alias, may_ask)) >= FITS
    )
    if near:
        names = " and ".join(f'"{each.value}"' for each in near[:3])
        told += f"; {names} would take its values"
    return Match(column, Guess("", "doubtful" if near else "likely", told, near[:3]), ColumnOptions())


def _share_of_free(field: Any, column: ColumnProfile, alias: str, may_ask: MayAsk) -> float:
    if field.is_relation:
        reference = references_of(field, column, alias, may_ask)
        return reference.value.share if reference and not reference.is_doubtful else 0.0
    is_text = isinstance(field, models.CharField | models.TextField) and not field.choices
    if is_text and type(field) in (models.CharField, models.TextField) and column.kind.value in NO_TEXTS:
        return 0.0  # such a field takes any text, which says nothing
    return share_accepted(field, column, options_for(column, field)[0], alias)


def _confidence(judged: Judged, has_rivals: bool) -> Confidence:
    pair = judged.pair
    if has_rivals or pair.name < ALIKE or judged.share < FITS or is_database_key(pair.field):
        return "doubtful"
    if pair.column.is_empty:
        return "likely" if pair.name >= 1 else "doubtful"
    return "sure" if pair.name >= 1 else "likely"


def _rivals(judged: Judged, all_judged: Sequence[Judged], chosen: dict[int, Judged]) -> list[Judged]:
    """Return the pairs that are nearly as good, and whose other side has nothing better."""
    taken = {each.pair.field.name: each for each in chosen.values()}
    rivals = []
    for each in all_judged:
        same_column, same_field = each.pair.column is judged.pair.column, each.pair.field is judged.pair.field
        if same_column == same_field or each.score < judged.score - CLOSE:
            continue
        other = taken.get(each.pair.field.name) if same_column else chosen.get(each.pair.column.position)
        if other is None or other.score <= each.score:
            rivals.append(each)
    return rivals
