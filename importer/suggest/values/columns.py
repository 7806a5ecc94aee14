"""Describes the columns of a sample: how full they are, what their values are, and which words mean nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from importer.records import shown
from importer.suggest.guess import Guess, percent
from importer.suggest.values import dates, numbers
from importer.suggest.values.dates import DateFormat
from importer.suggest.values.kinds import CLOCK, EMAIL, IP, JSON, URL, UUID
from importer.suggest.values.numbers import NumberFormat
from importer.suggest.values.words import WEAK_NULLS, BooleanWords, booleans_of, null_words_of

# Distinct values that are looked at, the most frequent ones.
MOST_VALUES = 1_000
EXAMPLES = 3
ENOUGH = 0.9
PATTERNS = {
    "e-mail address": EMAIL, "URL": URL, "UUID": UUID, "time": CLOCK, "IP address": IP, "JSON": JSON,
}  # fmt: skip
CONFUSING_DATES = re.compile(r"[0-9]{8}")


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What the sample says of one column.

    kind       what its values are: "integer", "decimal", "date", "moment", "boolean", "e-mail address", "text" …
    filled     share of the records that have a value
    distinct   number of different values in the sample
    is_unique  no value occurs twice
    padded     share of the values with blanks around them
    values     the most frequent values, with their numbers, without those that mean nothing
    """

    name: str
    position: int
    kind: Guess[str]
    examples: tuple[str, ...]
    longest: str
    records: int
    filled: float
    distinct: int
    is_unique: bool
    padded: float
    null_words: Guess[tuple[str, ...]]
    values: Mapping[str, int] = field(repr=False)
    dates: Guess[DateFormat] | None = None
    numbers: Guess[NumberFormat] | None = None
    booleans: Guess[BooleanWords] | None = None

    @property
    def is_empty(self) -> bool:
        return not self.values


def profiles_of(texts: pl.DataFrame) -> list[ColumnProfile]:
    """Describe each column of a sample."""
    profiles = [_profile(texts.get_column(name), position) for position, name in enumerate(texts.columns)]
    return _with_common_orders(profiles)


def _profile(series: pl.Series, position: int) -> ColumnProfile:
    texts = series.drop_nulls()
    counted = (
        texts.alias("text").value_counts(name="number").sort(["number", "text"], descending=[True, False])
    )
    all_values: dict[str, int] = dict(counted.head(MOST_VALUES + len(WEAK_NULLS)).iter_rows())
    blank = sum(number for text, number in all_values.items() if not text.strip())
    values = {text: number for text, number in all_values.items() if text.strip()}
    nulls = null_words_of(values, _is_of_a_kind)
    values = {text: number for text, number in values.items() if text.strip() not in nulls.value}
    empty = blank + series.null_count() + int(texts.str.strip_chars().is_in(list(nulls.value)).sum())
    rest = texts.filter(texts.str.strip_chars().str.len_chars() > 0)
    distinct = counted.height - sum(
        1 for text in all_values if not text.strip() or text.strip() in nulls.value
    )
    longest = rest.gather([rest.str.len_chars().arg_max() or 0]).item() if len(rest) else ""
    profile = ColumnProfile(
        series.name,
        position,
        Guess("text", "likely", "texts of different kinds"),
        tuple(shown(text) for text in list(values)[:EXAMPLES]),
        shown(longest),
        len(series),
        1 - empty / len(series) if len(series) else 0.0,
        distinct,
        distinct > 1 and distinct == len(series) - empty,
        sum(n for text, n in values.items() if text != text.strip()) / max(1, sum(values.values())),
        nulls,
        values,
    )
    return _with_kind(profile)


def _is_of_a_kind(values: Mapping[str, int]) -> bool:
    return bool(
        numbers.guess_format(values)
        or dates.guess_format(values)
        or any(_share(values, pattern) >= ENOUGH for pattern in PATTERNS.values())
    )


def _share(values: Mapping[str, int], pattern: re.Pattern[str]) -> float:
    total = sum(values.values())
    return sum(n for text, n in values.items() if pattern.fullmatch(text.strip())) / total if total else 0.0


def _with_kind(profile: ColumnProfile) -> ColumnProfile:
    values = profile.values
    if not values:
        return replace(profile, kind=Guess("empty", "likely", "no record of the sample has a value"))
    booleans = booleans_of(values, has_blanks=profile.filled < 1)
    written = dates.guess_format(values)
    number = numbers.guess_format(values)
    if written and number and not _look_like_dates(values):
        written = None
    found = replace(profile, booleans=booleans, dates=written, numbers=None if written else number)
    return replace(found, kind=_kind(found))


def _look_like_dates(values: Mapping[str, int]) -> bool:
    """Tell whether numbers of eight digits are dates: they all fit, and lie in the years of people."""
    if not all(CONFUSING_DATES.fullmatch(text.strip()) for text in values):
        return True  # with other signs, a date is no number
    return all(1900 <= int(text.strip()[:4]) <= 2100 for text in values)


def _kind(profile: ColumnProfile) -> Guess[str]:
    values, count = profile.values, sum(profile.values.values())
    if profile.booleans and not profile.booleans.is_doubtful:
        return Guess("boolean", profile.booleans.confidence, profile.booleans.evidence)
    if profile.dates:
        kind = "moment" if profile.dates.value.has_time else "date"
        return Guess(kind, "likely", f"all {count:,} values are dates" if count > 1 else "it is a date")
    if profile.numbers:
        kind = "integer" if profile.numbers.value.is_whole else "decimal"
        return Guess(kind, profile.numbers.confidence, profile.numbers.evidence)
    for kind, pattern in PATTERNS.items():
        share = _share(values, pattern)
        if share >= ENOUGH:
            plural = f"{kind}es" if kind.endswith("address") else f"{kind}s" if kind != "JSON" else kind
            told = f"{percent(share)} of {count:,} values are {plural}"
            return Guess(kind, "sure" if share == 1 else "likely", told)
    return Guess("text", "likely", f"{profile.distinct:,} different texts")


def _with_common_orders(profiles: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """Settle what one column leaves open by what other columns of the file prove: a file has one hand."""
    orders = {
        p.dates.value.order
        for p in profiles
        if p.dates and not p.dates.is_doubtful and _is_of_day_and_month(p)
    }
    signs = {
        p.numbers.value.decimal
        for p in profiles
        if p.numbers and not p.numbers.is_doubtful and not p.numbers.value.is_whole
    }
    return [_settled_number(_settled_date(p, orders), signs) for p in profiles]


def _is_of_day_and_month(profile: ColumnProfile) -> bool:
    return bool(profile.dates and profile.dates.value.order in ("DMY", "MDY"))


def _settled_date(profile: ColumnProfile, orders: set[str]) -> ColumnProfile:
    guess = profile.dates
    if not guess or not guess.is_doubtful or len(orders) != 1:
        return profile
    order = next(iter(orders))
    choices = [guess.value, *(other.value for other in guess.alternatives)]
    value = next((choice for choice in choices if choice.order == order), None)
    if value is None:
        return profile
    return replace(profile, dates=Guess(value, "likely", "in the order of the other dates of this file"))


def _settled_number(profile: ColumnProfile, signs: set[str]) -> ColumnProfile:
    guess = profile.numbers
    if not guess or not guess.is_doubtful or len(signs) != 1:
        return profile
    decimal = next(iter(signs))
    choices = [guess.value, *(other.value for other in guess.alternatives)]
    sign = guess.value.thousands or guess.value.decimal
    # The sign stands before decimals here if it does so elsewhere, and else between thousands.
    fitting = next((choice for choice in choices if choice.is_whole != (sign == decimal)), None)
    if fitting is None:
        return profile
    numbers_ = Guess(fitting, "likely", f"other columns have the decimal sign “{decimal}”")
    kind = Guess("integer" if fitting.is_whole else "decimal", "likely", numbers_.evidence)
    return replace(profile, numbers=numbers_, kind=kind)
