"""Proposes what rejected values were meant to be, where that is plain: other signs of numbers, dates, words, blanks."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from importer.suggest.fields.choices import guess_choices
from importer.suggest.fields.options import NUMBERS, ColumnOptions
from importer.suggest.values import dates, numbers
from importer.suggest.values.columns import profile_of_values
from importer.suggest.values.numbers import AROUND
from importer.suggest.values.words import STRONG_NULLS, WEAK_NULLS, booleans_of


@dataclass(frozen=True, slots=True)
class Repair:
    """Texts of the file, and what they are to be read as. `records` have them; `told` says it in words."""

    told: str
    records: int
    values: dict[str, str]


def propose(field: Any, values: Mapping[str, int]) -> Repair | None:
    """Propose how to read values that the field has rejected, given with their numbers. None: nothing is plain."""
    if field.choices:
        read = _as_choices(field, values)
    else:
        read = {text: meant for text in values if (meant := _meant(field, text)) is not None}
    accepted = {text: meant for text, meant in read.items() if _is_accepted(field, meant)}
    if not accepted:
        return None
    example = max(accepted, key=lambda text: values[text])
    shown = f"“{accepted[example]}”" if accepted[example] else "nothing"
    more = f", and {len(accepted) - 1:,} more like it" if len(accepted) > 1 else ""
    records = sum(values[text] for text in accepted)
    return Repair(f"read “{example}” as {shown}{more}", records, accepted)


def _meant(field: Any, text: str) -> str | None:
    bare = text.strip()
    if bare in (*STRONG_NULLS, *WEAK_NULLS) or not bare:
        return "" if field.null or field.blank else None
    if isinstance(field, models.DateField):
        return _as_date(bare, with_time=isinstance(field, models.DateTimeField))
    if isinstance(field, NUMBERS):
        return _as_number(bare)
    if isinstance(field, models.BooleanField):
        words = booleans_of({bare: 1}, has_blanks=False)
        return None if words is None else str(bare in words.value.true)
    return bare if bare != text else None


def _as_number(text: str) -> str | None:
    guess = numbers.guess_format({text: 1})
    if guess is None or (guess.is_doubtful and not guess.value.around):
        return None
    found = guess.value
    bare = (
        AROUND.sub("", text).strip().replace(found.thousands or "\0", "").replace(" ", "").replace("\xa0", "")
    )
    return bare.replace(found.decimal, ".") if found.decimal != "." else bare


def _as_date(text: str, *, with_time: bool) -> str | None:
    guess = dates.guess_format({text: 1})
    if guess is None or guess.is_doubtful or (guess.value.has_time and not with_time):
        return None
    try:
        moment = dt.datetime.strptime(text, guess.value.text)  # noqa: DTZ007 (the field knows the time zone)
    except ValueError:
        return None
    return moment.isoformat(sep=" ") if guess.value.has_time else moment.date().isoformat()


def _as_choices(field: Any, values: Mapping[str, int]) -> dict[str, str]:
    """Return a choice for each value that resembles only one."""
    profile = profile_of_values(field.name, values)
    options, doubts = guess_choices(profile, field, ColumnOptions())
    resembling = [other.value for doubt in doubts for other in doubt.alternatives]
    meant = dict((resembling[0] if resembling else options).values)
    return {text: meant[text.strip()] for text in values if text.strip() in meant}


def _is_accepted(field: Any, text: str) -> bool:
    if not text:
        return bool(field.null or field.blank)
    try:
        field.clean(text, None)
    except (ValidationError, ValueError, TypeError, OverflowError):
        return False
    return True
