"""Defines, by field class, the expression that accepts values without asking Django.

A fast lane may leave any text to Django's own `clean()`. Property tests (`tests/importer/validate/test_lanes.py`) prove
what it accepts: for every such text `field.clean(text)` passes, and PostgreSQL reads the resulting text as the same
value that Django would have saved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.conf import settings
from django.core import validators
from django.db import models

from importer.specs.mapping import AnyField

# text → (the text that PostgreSQL reads, whether Django accepts it with that value)
FastLane = Callable[[pl.Expr], tuple[pl.Expr, pl.Expr]]
Accepts = Callable[[pl.Expr], pl.Expr]

CLEANING_METHODS = (
    "clean", "to_python", "validate", "run_validators", "get_prep_value", "get_db_prep_value", "get_db_prep_save",
)  # fmt: skip

INTEGER = r"^(?:0|-?[1-9][0-9]{0,17})$"
FLOAT = r"^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
# Years from 1000 on: earlier ones may leave Python's calendar when shifted to UTC.
DAY = r"[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-3])(?::[0-5][0-9])?)"
# Of the year 9999 only mornings in UTC, which end before midnight in every time zone.
BEFORE_9999 = r"(?:[1-8][0-9]{3}|9(?:[0-8][0-9]{2}|9(?:[0-8][0-9]|9[0-8])))" + DAY.removeprefix(
    "[1-9][0-9]{3}"
)
MORNING_OF_9999 = (
    DAY.replace("[1-9][0-9]{3}", "9999") + r"[T ]0[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
)
MOMENT = rf"(?:{BEFORE_9999}[T ]{CLOCK}{OFFSET}|{MORNING_OF_9999}(?:Z|\+00(?::00)?))"
MOMENT_IN_UTC = rf"(?:{BEFORE_9999}[T ]{CLOCK}|{MORNING_OF_9999})"
SLUG = r"^[-a-zA-Z0-9_]+$"
# Only lower-case domains of ASCII labels; quoted users, literal addresses and international names go to Django.
EMAIL = r"^[A-Za-z0-9_]+(?:[.+-][A-Za-z0-9_]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"
URL = r"^https?://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}(?:/[A-Za-z0-9._~/%=+-]*)?$"


@dataclass(frozen=True, slots=True)
class Lane:
    """How a field is validated. `fast` is None if every distinct value goes to Django; `why` gives the reason."""

    fast: FastLane | None
    why: str


def lane_of(field: AnyField) -> Lane:
    """Compile a model field's lane. Null and blank are handled elsewhere, the same for all fields."""
    for cls, build in BUILDERS.items():
        if isinstance(field, cls) and cleans_like(field, cls):
            built = build(field)
            return Lane(None, built) if isinstance(built, str) else Lane(built, f"{cls.__name__} by columns")
    return Lane(None, f"{type(field).__name__} has no fast lane")


def cleans_like(field: AnyField, cls: type) -> bool:
    """Tell whether a field of a class derived from `cls` cleans values as `cls` does."""
    return all(getattr(type(field), name) is getattr(cls, name) for name in CLEANING_METHODS)


# Builders: each returns a lane, or the reason why the field has none


def _text(field: AnyField) -> FastLane | str:
    checks: list[Accepts] = [_without_nul]
    for validator in field.validators:
        check = _text_check(validator)
        if check is None:
            return f"the validator {_name(validator)} is judged by Django"
        checks.append(check)
    return _lane(_choices_or(field, str, checks))


def _text_check(validator: object) -> Accepts | None:
    if validator is validators.validate_slug:
        return lambda text: text.str.contains(SLUG)
    if type(validator) is validators.EmailValidator and validator == validators.EmailValidator():
        return lambda text: text.str.contains(EMAIL) & (text.str.len_bytes() <= 254)
    if type(validator) is validators.URLValidator and validator == validators.URLValidator():
        return lambda text: text.str.contains(URL) & (text.str.len_chars() <= 200)
    if type(validator) is validators.ProhibitNullCharactersValidator:
        return _without_nul
    limit = _limit(validator)
    if limit is not None and type(validator) is validators.MaxLengthValidator:
        return lambda text: text.str.len_chars() <= limit
    if limit is not None and type(validator) is validators.MinLengthValidator:
        return lambda text: text.str.len_chars() >= limit
    return None


def _integer(field: AnyField) -> FastLane | str:
    low, high = -(10**18), 10**18
    for validator in field.validators:
        limit = _limit(validator)
        if limit is None:
            return f"the validator {_name(validator)} is judged by Django"
        if type(validator) is validators.MinValueValidator:
            low = max(low, limit)
        elif type(validator) is validators.MaxValueValidator:
            high = min(high, limit)
        else:
            return f"the validator {_name(validator)} is judged by Django"

    def within(text: pl.Expr) -> pl.Expr:
        return text.cast(pl.Int64, strict=False).is_between(low, high).fill_null(value=False)

    return _lane(_choices_or(field, int, [_matching(INTEGER), within]))


def _decimal(field: Any) -> FastLane | str:
    if field.max_digits is None or field.decimal_places is None:
        return "decimals without bounds are judged by Django"
    places, whole = field.decimal_places, field.max_digits - field.decimal_places
    if field.choices is not None or whole < 1:
        return "choices and pure fractions are judged by Django"
    fraction = rf"(?:\.[0-9]{{1,{places}}})?" if places else ""
    checks = [_matching(rf"^-?(?:0|[1-9][0-9]{{0,{whole - 1}}}){fraction}$")]
    for validator in field.validators:
        if type(validator) is validators.DecimalValidator:
            continue
        if type(validator) is validators.MinValueValidator and _limit(validator) == 0:
            checks.append(lambda text: ~text.str.starts_with("-"))
        else:
            return f"the validator {_name(validator)} is judged by Django"
    return _lane(checks)


def _float(field: AnyField) -> FastLane | str:
    if field.validators or field.choices is not None:
        return "validators and choices of floats are judged by Django"
    # PostgreSQL keeps the sign of zero in a text; `save()` sends a literal, whose zero has none.
    return _lane([_matching(FLOAT), lambda text: ~text.str.contains(r"^-[0.]+$")])


def _boolean(field: AnyField) -> FastLane | str:
    if field.validators or field.choices is not None:
        return "validators and choices of booleans are judged by Django"
    yes, no = ["True", "t", "1"], ["False", "f", "0"]

    def lane(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
        value = pl.when(text.is_in(yes)).then(pl.lit("t")).when(text.is_in(no)).then(pl.lit("f"))
        return value, text.is_in(yes + no)

    return lane


def _date(field: AnyField) -> FastLane | str:
    if field.validators or field.choices is not None:
        return "validators and choices of dates are judged by Django"
    return _lane([_matching(f"^{DAY}$"), _is_day])


def _datetime(field: AnyField) -> FastLane | str:
    if field.validators or field.choices is not None:
        return "validators and choices of times are judged by Django"
    if not settings.USE_TZ:
        return _lane([_matching(f"^{DAY}[T ]{CLOCK}$"), _is_day])
    with_offset = _lane([_matching(f"^{MOMENT}$"), _is_day])
    if settings.TIME_ZONE != "UTC":
        return with_offset  # a time without offset needs the time zone's rules
    accepts = _all([_matching(f"^(?:{MOMENT}|{MOMENT_IN_UTC})$"), _is_day])

    def lane(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
        has_offset = text.str.contains(f"{OFFSET}$")
        return pl.when(has_offset).then(text).otherwise(text + pl.lit("+00:00")), accepts(text)

    return lane


def _time(field: AnyField) -> FastLane | str:
    if field.validators or field.choices is not None:
        return "validators and choices of times are judged by Django"
    return _lane([_matching(f"^{CLOCK}$")])


def _uuid(field: AnyField) -> FastLane | str:
    if field.validators or field.choices is not None:
        return "validators and choices of UUIDs are judged by Django"
    return _lane([_matching(UUID)])


BUILDERS: dict[type, Callable[..., FastLane | str]] = {
    models.CharField: _text,
    models.TextField: _text,
    models.IntegerField: _integer,
    models.BigAutoField: _integer,
    models.AutoField: _integer,
    models.SmallAutoField: _integer,
    models.DecimalField: _decimal,
    models.FloatField: _float,
    models.BooleanField: _boolean,
    models.DateTimeField: _datetime,
    models.DateField: _date,
    models.TimeField: _time,
    models.UUIDField: _uuid,
}


def _lane(checks: list[Accepts]) -> FastLane:
    accepts = _all(checks)
    return lambda text: (text, accepts(text))


def _all(checks: list[Accepts]) -> Accepts:
    def accepts(text: pl.Expr) -> pl.Expr:
        verdict = checks[0](text)
        for check in checks[1:]:
            verdict = verdict & check(text)
        return verdict

    return accepts


def _choices_or(field: AnyField, kind: type, checks: list[Accepts]) -> list[Accepts]:
    """Add the check against the field's choices, if it has any."""
    if field.choices is None:
        return checks
    allowed = [_choice_text(value) for value, _ in field.flatchoices if isinstance(value, kind)]
    return [lambda text: text.is_in(allowed), *checks]


def _choice_text(value: Any) -> str:
    """Return a choice's value as text; `str()` of an enumeration could give its name."""
    return str.__str__(value) if isinstance(value, str) else int.__repr__(value)


def _matching(pattern: str) -> Accepts:
    return lambda text: text.str.contains(pattern)


def _without_nul(text: pl.Expr) -> pl.Expr:
    return ~text.str.contains("\0", literal=True)


def _is_day(text: pl.Expr) -> pl.Expr:
    """Check the calendar: the pattern accepts 31 February."""
    return text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).is_not_null()


def _limit(validator: object) -> int | None:
    limit = getattr(validator, "limit_value", None)
    return limit if isinstance(limit, int) and not isinstance(limit, bool) else None


def _name(validator: object) -> str:
    return getattr(validator, "__name__", type(validator).__name__)
