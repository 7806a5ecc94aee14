"""Finds the format of a column's dates, and whether the values prove the order of day and month."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from importer.suggest.guess import Alternative, Confidence, Guess

NUMERIC = re.compile(r"([0-9]{1,4})([./ -])([0-9]{1,2})\2([0-9]{1,4})(?P<rest>.*)", re.DOTALL)
COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?P<rest>.*)", re.DOTALL)
CLOCK = re.compile(
    r"(?P<between>[T ]|, )(?P<hour>[0-9]{1,2}):[0-9]{2}(?P<seconds>:[0-9]{2})?(?P<fraction>[.,][0-9]{1,6})?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?Z| ?[+-][0-9]{2}:?[0-9]{2})?"
)
WORDED = (
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d %Y",
    "%B %d %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %y",
)
ORDERS = {
    "DMY": (0, 1, 2),
    "MDY": (1, 0, 2),
    "YMD": (2, 1, 0),
    "YDM": (1, 2, 0),
}  # where day, month and year stand
TOLD = {
    "DMY": "day, month, year",
    "MDY": "month, day, year",
    "YMD": "year, month, day",
    "YDM": "year, day, month",
}
# Dates that stand for none.
NO_DATES = ("0000-00-00", "0000-00-00 00:00:00", "00.00.0000", "00/00/0000")
# A column of dates may have some values that are none.
ENOUGH = 0.9
EARLIEST, LATEST = 1000, 2200


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A `strptime` format. `order` is empty where names of months leave no doubt."""

    text: str
    order: str = ""
    has_time: bool = False

    @property
    def is_iso(self) -> bool:
        """Whether Django reads it by itself."""
        return self.text.startswith("%Y-%m-%d") and not self.text.endswith("%p")


@dataclass(frozen=True, slots=True)
class _Shape:
    between: str
    rest: str
    short_year: bool


def guess_format(values: Mapping[str, int]) -> Guess[DateFormat] | None:
    """Guess the format of a column's values, which are given with their numbers. None: they are no dates."""
    counted = {text.strip(): number for text, number in values.items()}
    total = sum(counted.values())
    numeric: dict[_Shape, dict[tuple[int, int, int], tuple[str, int]]] = {}
    for text, number in counted.items():
        if (found := _numeric(text)) is not None:
            shape, part = found
            first, seen = numeric.setdefault(shape, {}).get(part, (text, 0))
            numeric[shape][part] = (first, seen + number)
    if not numeric:
        return _worded(counted, total)
    shape = max(numeric, key=lambda each: sum(number for _, number in numeric[each].values()))
    parts = numeric[shape]
    return _ordered(shape, parts, total)


def _numeric(text: str) -> tuple[_Shape, tuple[int, int, int]] | None:
    match = NUMERIC.fullmatch(text)
    if match:
        a, between, b, c = match[1], match[2], match[3], match[4]
    else:
        match = COMPACT.fullmatch(text)
        if not match:
            return None
        a, between, b, c = match[1], "", match[2], match[3]
    rest = _rest(match["rest"])
    if rest is None or len(a) == 3 or len(c) == 3 or (len(a) == 4 and len(c) == 4):
        return None
    short = len(a) < 3 and len(c) < 3
    return _Shape(between, rest, short), (int(a), int(b), int(c))


def _rest(text: str) -> str | None:
    """Return the format of the time behind a date; None if it is none."""
    if not text:
        return ""
    match = CLOCK.fullmatch(text)
    if not match:
        return None
    half = match["half"] or ""
    hour = "%I" if half else "%H"
    seconds = ":%S" if match["seconds"] else ""
    fraction = f"{match['fraction'][0]}%f" if match["fraction"] else ""
    zone = f"{' ' if (match['zone'] or '').startswith(' ') else ''}%z" if match["zone"] else ""
    between = " " if half.startswith(" ") else ""
    return f"{match['between']}{hour}:%M{seconds}{fraction}{between}{'%p' if half else ''}{zone}"


def _ordered(
    shape: _Shape, parts: Mapping[tuple[int, int, int], tuple[str, int]], total: int
) -> Guess[DateFormat] | None:
    fitting = {}
    for order, places in ORDERS.items():
        valid = [
            (text, n) for part, (text, n) in parts.items() if _is_day(part, places, short=shape.short_year)
        ]
        share = sum(number for _, number in valid) / total
        if share >= ENOUGH:
            fitting[order] = share
    if not fitting:
        return None
    best = max(fitting.values())
    # One faulty value must not decide between two orders.
    orders = [order for order, share in fitting.items() if share == best]
    close = [order for order, share in fitting.items() if share < best]
    formats = {order: _format(order, shape) for order in orders}
    proof = _proof(parts, orders[0])
    if len(orders) == 1:
        told = f"{TOLD[orders[0]]}: {proof}" if proof else TOLD[orders[0]]
        confidence: Confidence = "sure" if best == 1 else "doubtful" if close else "likely"
        others = tuple(Alternative(_format(order, shape), TOLD[order]) for order in close if best < 1)
        return Guess(formats[orders[0]], confidence, told, others)
    if _all_same_day_and_month(parts, orders):
        return Guess(formats[orders[0]], "doubtful", "day and month are the same in every value",
                     tuple(Alternative(formats[o], TOLD[o]) for o in orders[1:]))  # fmt: skip
    first = next(text for text, _ in parts.values())
    told = f"no value proves the order; “{first}” is read as {TOLD[orders[0]]}"
    readings = tuple(Alternative(formats[order], TOLD[order]) for order in orders[1:])
    return Guess(formats[orders[0]], "doubtful", told, readings)


def _all_same_day_and_month(parts: Iterable[tuple[int, int, int]], orders: list[str]) -> bool:
    return set(orders) == {"DMY", "MDY"} and all(a == b for a, b, _ in parts)


def _is_day(part: tuple[int, int, int], places: tuple[int, int, int], *, short: bool) -> bool:
    day, month, year = (part[place] for place in places)
    if short:
        year = 2000 + year if year < 100 else 0
    if not EARLIEST <= year <= LATEST:
        return False
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def _proof(parts: Mapping[tuple[int, int, int], tuple[str, int]], order: str) -> str:
    place = ORDERS[order][0]
    proving = next((text for part, (text, _) in parts.items() if part[place] > 12), "")
    return f"“{proving}” has no other reading" if proving else ""


def _format(order: str, shape: _Shape) -> DateFormat:
    year = "%y" if shape.short_year else "%Y"
    letters = {"D": "%d", "M": "%m", "Y": year}
    text = shape.between.join(letters[letter] for letter in order)
    return DateFormat(text + shape.rest, order, bool(shape.rest))


def _worded(values: Mapping[str, int], total: int) -> Guess[DateFormat] | None:
    """Guess the format of dates with the names of months, as Python reads them."""
    first = next(iter(values), "")
    if not re.search("[A-Za-z]{3}", first) or not re.search("[0-9]", first):
        return None
    for text in WORDED:
        valid = [value for value in values if _reads(value, text)]
        if sum(values[value] for value in valid) >= ENOUGH * total:
            return Guess(
                DateFormat(text), "sure" if len(valid) == len(values) else "likely", f"like “{first}”"
            )
    return None


def _reads(value: str, text: str) -> bool:
    try:
        dt.datetime.strptime(value, text)  # noqa: DTZ007 (only whether it can be read)
    except ValueError:
        return False
    return True
