"""Turns validators into expressions that accept what they accept, and says what would help where that cannot be."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
from django.core import validators

from importer.validate.values.addresses import is_ipv4, is_ipv6
from importer.validate.values.patterns import translate

# text → whether it is accepted for certain
Accepts = Callable[[pl.Expr], pl.Expr]

# Only domains of ASCII labels; quoted users, literal addresses, ports and international names go to Django.
DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
EMAIL = rf"^[A-Za-z0-9_]+(?:[.+-][A-Za-z0-9_]+)*@{DOMAIN}$"
URL = rf"^https?://{DOMAIN}(?:[/?#][A-Za-z0-9._~/%=+?&#:;,@!$'()*-]*)?$"
ADDRESSES: list[tuple[object, Accepts]] = [
    (validators.validate_ipv4_address, is_ipv4),
    (validators.validate_ipv6_address, is_ipv6),
    (validators.validate_ipv46_address, lambda text: is_ipv4(text) | is_ipv6(text)),
]
LIMITS = (
    validators.MinValueValidator,
    validators.MaxValueValidator,
    validators.MinLengthValidator,
    validators.MaxLengthValidator,
)


def text_check(validator: object) -> Accepts | None:
    if type(validator) is validators.EmailValidator and validator == validators.EmailValidator():
        return lambda text: text.str.contains(EMAIL) & (text.str.len_bytes() <= 254)
    if type(validator) is validators.URLValidator and validator == validators.URLValidator():
        return lambda text: text.str.contains(URL) & (text.str.len_chars() <= 200)
    if type(validator) is validators.ProhibitNullCharactersValidator:
        return without_nul
    if _searches(validator):
        return _pattern_check(validator)
    limit = whole_limit(validator)
    if limit is not None and type(validator) is validators.MaxLengthValidator:
        return lambda text: text.str.len_chars() <= limit
    if limit is not None and type(validator) is validators.MinLengthValidator:
        return lambda text: text.str.len_chars() >= limit
    return None


def _searches(validator: Any) -> bool:
    """Whether a validator does what a RegexValidator does, and nothing else."""
    kind = type(validator)
    return issubclass(kind, validators.RegexValidator) and kind.__call__ is validators.RegexValidator.__call__


def _pattern_check(validator: Any) -> Accepts | None:
    translation = translate(validator.regex)
    if translation is None:
        return None
    return translation.misses if validator.inverse_match else translation.finds


def bound_check(validator: Any) -> Accepts | None:
    """Accept numbers that are within a bound even when both are rounded to floats: rounding keeps their order.

    Numbers at the bound are left to Django, except for 0, where the sign tells.
    """
    is_least = type(validator) is validators.MinValueValidator
    if not is_least and type(validator) is not validators.MaxValueValidator:
        return None
    limit = validator.limit_value
    if type(limit) not in (int, float, Decimal):
        return None
    if is_least and limit == 0:
        return lambda text: ~text.str.starts_with("-")
    try:
        bound = float(limit)
    except (OverflowError, ValueError):
        return None
    if is_least:
        return lambda text: text.cast(pl.Float64, strict=False) > bound
    return lambda text: text.cast(pl.Float64, strict=False) < bound


def address_check(validator: object) -> Accepts | None:
    return next((accepts for known, accepts in ADDRESSES if known is validator), None)


def without_nul(text: pl.Expr) -> pl.Expr:
    return ~text.str.contains("\0", literal=True)


def whole_limit(validator: object) -> int | None:
    """Return the limit of a validator, if it is a whole number."""
    limit = getattr(validator, "limit_value", None)
    return limit if isinstance(limit, int) and not isinstance(limit, bool) else None


def advice_on(validator: object, instead: str) -> str:
    """Say what would be judged by columns: the validator written otherwise, or another one."""
    kind = type(validator)
    if kind in LIMITS:
        return "with a whole number as its limit it would be judged by columns"
    if kind in (validators.EmailValidator, validators.URLValidator):
        return "without options it would be judged by columns"
    if _searches(validator):
        return "without lookahead, references and inline flags its pattern would be judged by columns"
    return f"{instead} would be judged by columns"


def name_of(validator: object) -> str:
    return getattr(validator, "__name__", type(validator).__name__)
