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
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from importer.specs.mapping import AnyField
from importer.validate.values.documents import document
from importer.validate.values.durations import duration
from importer.validate.values.moments import CLOCK, DAY, Moments, is_day
from importer.validate.values.rules import (
    Accepts,
    address_check,
    advice_on,
    bound_check,
    name_of,
    text_check,
    whole_limit,
    without_nul,
)

# text → the text that PostgreSQL reads as the value which Django accepts; null where only Django can tell
FastLane = Callable[[pl.Expr], pl.Expr]

CLEANING_METHODS = (
    "clean", "to_python", "validate", "run_validators", "get_prep_value", "get_db_prep_value", "get_db_prep_save",
)  # fmt: skip

INTEGER = r"^(?:0|-?[1-9][0-9]{0,17})$"
# Not near the limits of a float, beyond which Python takes infinity or zero, and PostgreSQL nothing.
FLOAT = r"^-?[0-9]{1,15}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?$"
NEGATIVE_ZERO = r"^-[0.]+(?:[eE]|$)"
BOUNDS = "a MinValueValidator or MaxValueValidator"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


@dataclass(frozen=True, slots=True)
class Lane:
    """How a field is validated, and why so.

    fast    None if every distinct value goes to Django
    advice  what would make it faster, where something would
    """

    fast: FastLane | None
    why: str
    advice: str = ""


def lane_of(field: AnyField) -> Lane:
    """Compile a model field's lane. Null and blank are handled elsewhere, the same for all fields."""
    name, classes = type(field).__name__, [cls for cls in BUILDERS if isinstance(field, cls)]
    for cls in classes:
        if cleans_like(field, cls):
            built = BUILDERS[cls](field)
            return built if isinstance(built, Lane) else Lane(built, f"{cls.__name__} by columns")
    if not classes:
        return Lane(None, f"{name} has no fast lane")
    own = next(method for method in CLEANING_METHODS if not _is_inherited(method, field, classes[-1]))
    advice = f"{classes[-1].__name__} and validators instead would be judged by columns"
    return Lane(None, f"{name} has a {own}() of its own", advice)


def cleans_like(field: AnyField, cls: type) -> bool:
    """Tell whether a field of a class derived from `cls` cleans values as `cls` does."""
    return all(_is_inherited(name, field, cls) for name in CLEANING_METHODS)


def _is_inherited(method: str, field: AnyField, cls: type) -> bool:
    return getattr(type(field), method) is getattr(cls, method)


# Builders: each returns a function, or the lane of a field that has none

Built = FastLane | Lane
Builder = Callable[[Any], Built]


def _without_rules(values: str, fast: Callable[[], FastLane]) -> Builder:
    """Build the lane of fields that have neither validators nor choices."""

    def build(field: AnyField) -> Built:
        if field.validators or field.choices is not None:
            return Lane(None, f"validators and choices of {values} are judged by Django")
        return fast()

    return build


def _judged(validator: object, instead: str) -> Lane:
    why = f"the validator {name_of(validator)} is called by Django"
    return Lane(None, why, advice_on(validator, instead))


def _text(field: AnyField) -> Built:
    checks: list[Accepts] = [without_nul]
    for validator in field.validators:
        check = text_check(validator)
        if check is None:
            return _judged(validator, "a RegexValidator")
        checks.append(check)
    return _lane(_choices_or(field, str, checks))


def _integer(field: AnyField) -> Built:
    low, high = -(10**18), 10**18
    for validator in field.validators:
        limit = whole_limit(validator)
        if limit is not None and type(validator) is validators.MinValueValidator:
            low = max(low, limit)
        elif limit is not None and type(validator) is validators.MaxValueValidator:
            high = min(high, limit)
        else:
            return _judged(validator, BOUNDS)

    def within(text: pl.Expr) -> pl.Expr:
        return text.cast(pl.Int64, strict=False).is_between(low, high).fill_null(value=False)

    return _lane(_choices_or(field, int, [_matching(INTEGER), within]))


def _decimal(field: Any) -> Built:
    if field.max_digits is None or field.decimal_places is None:
        advice = "with max_digits and decimal_places they would be judged by columns"
        return Lane(None, "decimals without bounds are judged by Django", advice)
    places, whole = field.decimal_places, field.max_digits - field.decimal_places
    if field.choices is not None or whole < 1:
        return Lane(None, "choices and pure fractions are judged by Django")
    fraction = rf"(?:\.[0-9]{{1,{places}}})?" if places else ""
    checks = [_matching(rf"^-?(?:0|[1-9][0-9]{{0,{whole - 1}}}){fraction}$")]
    for validator in field.validators:
        if type(validator) is validators.DecimalValidator:
            continue
        check = bound_check(validator)
        if check is None:
            return _judged(validator, BOUNDS)
        checks.append(check)
    return _lane(checks)


def _float(field: AnyField) -> Built:
    if field.choices is not None:
        return Lane(None, "choices of floats are judged by Django")
    # PostgreSQL keeps the sign of zero in a text; `save()` sends a literal, whose zero has none.
    checks = [_matching(FLOAT), lambda text: ~text.str.contains(NEGATIVE_ZERO)]
    for validator in field.validators:
        check = bound_check(validator)
        if check is None:
            return _judged(validator, BOUNDS)
        checks.append(check)
    return _lane(checks)


def _boolean() -> FastLane:
    yes, no = ["True", "t", "1"], ["False", "f", "0"]
    return lambda text: pl.when(text.is_in(yes)).then(pl.lit("t")).when(text.is_in(no)).then(pl.lit("f"))


def _moment() -> FastLane:
    if settings.USE_TZ:
        return Moments(timezone.get_default_timezone())
    return _lane([_matching(f"^{DAY}[T ]{CLOCK}$"), is_day])


def _address(field: AnyField) -> Built:
    if field.choices is not None:
        return Lane(None, "choices of addresses are judged by Django")
    checks = []
    for validator in field.validators:
        check = address_check(validator)
        if check is None:
            why = f"the validator {name_of(validator)} is called by Django"
            return Lane(None, why, "addresses without validators are judged by columns")
        checks.append(check)
    accepts = _all(checks)
    return lambda text: pl.when(accepts(text)).then(text.str.to_lowercase())


def _json(field: Any) -> Built:
    if field.validators or field.choices is not None:
        return Lane(None, "validators and choices of JSON are judged by Django")
    if field.encoder not in (None, DjangoJSONEncoder):
        advice = "with DjangoJSONEncoder, or none, it would be judged by columns"
        return Lane(None, f"the encoder {name_of(field.encoder)} is called by Django", advice)
    return Lane(document, "JSONField by columns; Python parses what is deep or has long fractions")


BUILDERS: dict[type, Builder] = {
    models.CharField: _text,
    models.TextField: _text,
    models.IntegerField: _integer,
    models.BigAutoField: _integer,
    models.AutoField: _integer,
    models.SmallAutoField: _integer,
    models.DecimalField: _decimal,
    models.FloatField: _float,
    models.BooleanField: _without_rules("booleans", _boolean),
    models.DateTimeField: _without_rules("times", _moment),
    models.DateField: _without_rules("dates", lambda: _lane([_matching(f"^{DAY}$"), is_day])),
    models.TimeField: _without_rules("times", lambda: _lane([_matching(f"^{CLOCK}$")])),
    models.UUIDField: _without_rules("UUIDs", lambda: _lane([_matching(UUID)])),
    models.DurationField: _without_rules("durations", lambda: duration),
    models.GenericIPAddressField: _address,
    models.JSONField: _json,
}


def _lane(checks: list[Accepts]) -> FastLane:
    accepts = _all(checks)
    return lambda text: pl.when(accepts(text)).then(text)


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
