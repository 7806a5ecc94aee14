"""Writes what a cell holds as the text that a person expects.

A number is written without an exponent and without ".0", a date as ISO 8601 writes it. What a cell's number format says
about digits, signs and colours does not count, with two exceptions: whether a number is a date, and leading zeros.
"""

import datetime as dt
import re
from decimal import Decimal

DATE, TIME, DURATION, ZEROS = "date", "time", "duration", "zeros"
# ECMA-376 part 1, 18.8.30; 27 to 36 and 50 to 58 are dates of East Asian Excels.
BUILT_IN = (
    dict.fromkeys((14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)), DATE)
    | dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), TIME)
    | {46: DURATION}
)
# What is no directive: quoted text, an escaped character, a blank as wide as a character, a filler, [Red], [$-409] …
LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE | re.DOTALL)
LONGEST_FORMAT = 255
ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]")
ONLY_ZEROS = re.compile(r"0{2,}")
# Lotus took 1900 for a leap year, and Excel keeps its days: 60 is a day that never was.
BEFORE_THE_DAY, LEAP_DAY = dt.date(1899, 12, 31), 60
SINCE_1900, SINCE_1904 = dt.date(1899, 12, 30), dt.date(1904, 1, 1)
# Excel counts milliseconds; its floats are a little off them.
DAY_MILLISECONDS = 86_400_000
# Numbers with more digits than this before or behind the point keep their exponent.
LONGEST = 30
ISO_DURATION = re.compile(
    r"(-?)P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:[.,](\d{1,9}))?S)?)?"
)


def kind_of_format(code: str) -> str:
    """Tell from a number format such as `d.m.yy h:mm` what its numbers are: DATE, TIME, DURATION, ZEROS or none."""
    code = LITERAL.sub("", code[:LONGEST_FORMAT]).split(";")[0].lower()
    if ELAPSED.search(code):
        return DURATION
    if ONLY_ZEROS.fullmatch(code):
        return f"{ZEROS}{len(code)}"
    if "general" in code:
        return ""
    has_time = "h" in code or "s" in code
    if "y" in code or "d" in code or ("m" in code and not has_time):
        return DATE
    return TIME if has_time else ""


def number_text(raw: str) -> str:
    """Write a number as it is stored ("1.2345678901E10") the way people write it ("12345678901")."""
    if raw.isascii() and raw.isdigit():
        return raw
    try:
        number = float(raw) if "_" not in raw else None
    except ValueError:
        number = None
    if number is None or number - number != 0:  # not a number, or not a finite one
        return raw
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    shortest = Decimal(repr(number))
    digits = shortest.adjusted()
    return format(shortest, "f").removesuffix(".0") if -LONGEST < digits < LONGEST else repr(number)


def formatted_number(raw: str, kind: str, *, since_1904: bool) -> str:
    """Write a number in a cell with a format of this kind."""
    if kind.startswith(ZEROS):
        text = number_text(raw)
        return text.zfill(int(kind[len(ZEROS) :])) if text.isdigit() else text
    try:
        days = float(raw)
        if kind == DURATION:
            return _as_hours(round(days * DAY_MILLISECONDS))
        return _date_text(days, kind, since_1904=since_1904)
    except (ValueError, OverflowError):
        return number_text(raw)


def _date_text(days: float, kind: str, *, since_1904: bool) -> str:
    """Write a date, and its time unless that is midnight: fields of dates and of moments both read that."""
    whole, milliseconds = divmod(round(days * DAY_MILLISECONDS), DAY_MILLISECONDS)
    if whole < 0:
        raise OverflowError(days)
    if whole == 0 and kind == TIME:
        return _as_hours(milliseconds)
    day = _day_text(whole, since_1904=since_1904)
    return f"{day} {_as_hours(milliseconds)}" if milliseconds else day


def _day_text(number: int, *, since_1904: bool) -> str:
    if since_1904:
        return (SINCE_1904 + dt.timedelta(days=number)).isoformat()
    if number in (0, LEAP_DAY):
        return "1900-02-29" if number else "1900-01-00"  # Excel shows these
    first = SINCE_1900 if number > LEAP_DAY else BEFORE_THE_DAY
    return (first + dt.timedelta(days=number)).isoformat()


def iso_text(raw: str) -> str:
    """Write a date or a moment in ISO 8601 in the same way."""
    try:
        moment = dt.datetime.fromisoformat(raw)
    except ValueError:
        return raw
    if moment.tzinfo is not None:
        return raw
    is_day = moment.time() == dt.time()
    return moment.date().isoformat() if is_day else _without_zeros(moment.isoformat(sep=" "))


def iso_duration_text(raw: str) -> str:
    """Write PT30H05M00S as 30:05:00."""
    match = ISO_DURATION.fullmatch(raw)
    if not match:
        return raw
    sign, days, hours, minutes, seconds, fraction = (part or "0" for part in match.groups())
    total = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    milliseconds = total * 1000 + round(float(f"0.{fraction}") * 1000)
    return _as_hours(-milliseconds if sign == "-" else milliseconds)


def _as_hours(milliseconds: int) -> str:
    seconds, rest = divmod(abs(milliseconds), 1000)
    minutes, seconds = divmod(seconds, 60)
    text = f"{'-' if milliseconds < 0 else ''}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return _without_zeros(f"{text}.{rest:03}") if rest else text


def _without_zeros(time: str) -> str:
    return time.rstrip("0") if "." in time else time
