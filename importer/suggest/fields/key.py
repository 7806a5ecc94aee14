"""Guesses the natural key: the fields by which an existing row is recognised."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from django.db import models

from importer.batches import column_named
from importer.specs.tables import unique_groups
from importer.suggest.fields.match import Match
from importer.suggest.fields.pairs import is_legacy_id
from importer.suggest.guess import Alternative, Confidence, Guess
from importer.suggest.names import meaning_of, words_of

# The better a field names a record, the earlier it stands here.
NAMES = ("id", "code", "number", "slug", "symbol", "username", "name", "email")


def guess_key(
    model: type[models.Model], matches: Sequence[Match], texts: pl.DataFrame
) -> Guess[tuple[str, ...]]:
    """Guess the key among the sets of fields that are unique in the table. Empty: every record is a new row."""
    by_field = {match.field.value: match for match in matches if match.field.value}
    groups = [group for group in unique_groups(model) if all(field.name in by_field for field in group)]
    groups = [group for group in groups if not any(map(_is_numbered_by_database, group)) or len(groups) == 1]
    fitting = [group for group in groups if _is_unique([by_field[f.name] for f in group], texts)]
    if not fitting:
        told = "no column of the sample fills a unique field with different values; every record becomes a new row"
        near = tuple(
            Alternative(_names(group), "unique in the table, but values repeat in the sample")
            for group in groups
        )
        return Guess((), "doubtful" if near else "likely", told, near[:3])
    best, *others = sorted(fitting, key=_rank)
    used = [by_field[field.name] for field in best]
    names = " and ".join(f'"{match.column.name}"' for match in used)
    confidence: Confidence = (
        "doubtful" if any(m.field.is_doubtful for m in used) else "likely" if others else "sure"
    )
    return Guess(
        _names(best),
        confidence,
        f"{names}: unique in the table, and in {texts.height:,} records of the sample",
        tuple(Alternative(_names(group), "unique as well") for group in others[:3]),
    )


def _names(group: Sequence[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in group)


def _is_numbered_by_database(field: Any) -> bool:
    return bool(field.primary_key) and isinstance(field, models.AutoField)


def _is_unique(matches: Sequence[Match], texts: pl.DataFrame) -> bool:
    if any(match.column.filled < 1 for match in matches):
        return False
    names = [match.column.name for match in matches]
    return texts.height > 0 and texts.select(map(column_named, names)).n_unique() == texts.height


def _rank(group: Sequence[Any]) -> tuple[int, bool, int]:
    words = meaning_of(words_of(group[0].name))
    place = next((number for number, name in enumerate(NAMES) if name in words), len(NAMES))
    return len(group), not is_legacy_id(group[0]), place
