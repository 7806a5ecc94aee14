"""Rewrites values by rules that are data: none of them names code, and each says what it does."""

import datetime as dt
import re
from dataclasses import dataclass

from django.db import models

from importer.specs.mapping import ColumnPlan
from importer.suggest.values.dates import NUMERIC, ORDERS, TOLD, WORDED
from importer.suggest.values.words import STRONG_NULLS, WEAK_NULLS

NULL_WORDS = frozenset(word.casefold() for word in (*STRONG_NULLS, *WEAK_NULLS))
# What people write beside an amount of money. A per cent sign is left: it means another number.
MONEY = re.compile(r"^(?:[€$£¥]|EUR|USD|CHF|GBP)\s*|\s*(?:[€$£¥]|EUR|USD|CHF|GBP)$")
NUMBER = {
    ",": re.compile(r"([+-]?)([0-9]{1,3}(?:[. '\u2019\u00a0\u202f][0-9]{3})+|[0-9]+)(?:,([0-9]+))?"),
    ".": re.compile(r"([+-]?)([0-9]{1,3}(?:[, '\u2019\u00a0\u202f][0-9]{3})+|[0-9]+)(?:\.([0-9]+))?"),
}
CLOCK = re.compile(r"[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
YEARS = range(1000, 2200)
# Names of the rules, with what `given` may be; None: any text.
RULES: dict[str, tuple[str, ...] | None] = {
    "trim": ("",),
    "null": ("",),
    "number": (",", "."),
    "date": ("", *ORDERS),
    "word": None,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A repair of the values of a column.

    trim    without the blanks around it
    null    words that mean nothing, such as "n/a", become what the spec reads as null
    number  `given` is the decimal sign; the sign between thousands, and a currency, are taken away
    date    `given` is the order of day, month and year, or empty for names of months
    word    the text `given` becomes `to`

    Raises ValueError for any other rule.
    """

    name: str
    given: str = ""
    to: str = ""

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise ValueError(f'Unknown rule "{self.name[:40]}".')
        known = RULES[self.name]
        if known is not None and self.given not in known:
            raise ValueError(f'The rule "{self.name}" cannot be given "{self.given[:40]}".')
        if "\0" in self.given + self.to:
            raise ValueError("A value cannot contain a NUL character.")

    def __str__(self) -> str:
        match self.name:
            case "trim":
                return "take away the blanks around"
            case "null":
                return "read as empty"
            case "number":
                return "read with a decimal comma" if self.given == "," else "read with a decimal point"
            case "date":
                return f"read as {TOLD[self.given]}" if self.given else "read as a date"
        return "replace"


def rewritten(rule: Rule, text: str, plan: ColumnPlan | None, null: str) -> str | None:
    """Return what the rule makes of a text, as the column writes it; None if it does not apply.

    plan  how the column is read; only a word can be replaced without
    """
    if rule.name == "word":
        return rule.to if text == rule.given else None
    if rule.name == "trim":
        return text.strip() if text != text.strip() else None
    if rule.name == "null":
        word = text.strip().casefold()
        return null if text != null and (not word or word in NULL_WORDS) else None
    if plan is None:
        return None
    return _number(text, rule.given, plan) if rule.name == "number" else _date(text, rule.given, plan)


def _number(text: str, decimal: str, plan: ColumnPlan) -> str | None:
    match = NUMBER[decimal].fullmatch(MONEY.sub("", text.strip()).strip())
    if not match:
        return None
    sign, whole, fraction = match[1], re.sub(r"[^0-9]", "", match[2]), match[3] or ""
    if isinstance(plan.field, models.IntegerField) and not fraction.strip("0"):
        fraction = ""
    decimal_sign = plan.notation.decimal_sign if plan.notation else "."
    return f"{sign}{whole}{decimal_sign}{fraction}" if fraction else f"{sign}{whole}"


def format_of(text: str, order: str) -> str | None:
    """Return the format of `strptime` by which a date is read, in an order of day, month and year or in words."""
    text = text.strip()
    if not order:
        return next((each for each in WORDED if _read(text, each)), None)
    match = NUMERIC.fullmatch(text)
    if not match:
        return None
    parts = ["", "", ""]
    for letter, place in zip("dmY", ORDERS[order], strict=True):
        digits = len((match[1], match[3], match[4])[place])
        parts[place] = f"%{letter.lower() if letter == 'Y' and digits == 2 else letter}"
    clock = CLOCK.fullmatch(match["rest"]) if match["rest"] else None
    times = f"{match['rest'][0]}%H:%M{':%S' if clock[3] else ''}" if clock else ""
    return match[2].join(parts) + times


def _date(text: str, order: str, plan: ColumnPlan) -> str | None:
    if not isinstance(plan.field, models.DateField):
        return None
    moment = _numeric(text.strip(), order) if order else _worded(text.strip())
    if moment is None or moment.year not in YEARS:
        return None
    if plan.formats:
        return moment.strftime(plan.formats[0])
    is_moment = isinstance(plan.field, models.DateTimeField)
    return moment.strftime("%Y-%m-%d %H:%M:%S" if is_moment else "%Y-%m-%d")


def _numeric(text: str, order: str) -> dt.datetime | None:
    match = NUMERIC.fullmatch(text)
    if not match:
        return None
    parts = match[1], match[3], match[4]
    day, month, year = (parts[place] for place in ORDERS[order])
    if len(day) > 2 or len(month) > 2 or len(year) not in (2, 4):
        return None
    clock = CLOCK.fullmatch(match["rest"]) if match["rest"] else None
    if match["rest"] and clock is None:
        return None
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    # Two digits of a year, as `strptime` reads them.
    full_year = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 69 else 1900)
    try:
        return dt.datetime(full_year, int(month), int(day), hour, minute, second)  # noqa: DTZ001 (as it is written)
    except ValueError:
        return None


def _worded(text: str) -> dt.datetime | None:
    return next((moment for each in WORDED if (moment := _read(text, each))), None)


def _read(text: str, format_: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, format_)  # noqa: DTZ007 (as it is written)
    except ValueError:
        return None
