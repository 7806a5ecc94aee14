"""Periods of days, the periods they are compared with, and the steps of their series."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone

from analytics import conf
from analytics.calendar import day_of, local, month_of, next_month, slots_of

DAY = dt.timedelta(days=1)
PRESETS = {"1d": "Today", "7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "12 months"}
DEFAULT_PRESET = "30d"
MOST_DAYS = 3_660


class BadPeriod(ValueError):
    """The period is invalid. The message says why, and may be shown to the user."""


class Step(StrEnum):
    """The time from one point of a series to the next."""

    SLOT = "15 minutes"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both inclusive, in the zone of analytics.

    Raises BadPeriod if the days are in the wrong order, or more than 3,660.
    """

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise BadPeriod(f'"{self.first}" is later than "{self.last}"; swap the dates.')
        if self.days > MOST_DAYS:
            raise BadPeriod(
                f'"{self.first}" to "{self.last}" is {self.days:,} days; choose at most {MOST_DAYS:,} days.'
            )

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def step(self) -> Step:
        if self.days <= 1:
            return Step.SLOT
        if self.days <= 14:
            return Step.HOUR
        return Step.DAY if self.days <= 190 else Step.MONTH

    def previous(self) -> "Period":
        """Return the period before, which has as many days."""
        return Period(self.first - self.days * DAY, self.first - DAY)

    def points(self, step: Step) -> Iterator[dt.date | int]:
        """Yield the keys of a series: days, first days of months, or slots."""
        if step is Step.DAY:
            yield from (self.first + number * DAY for number in range(self.days))
        elif step is Step.MONTH:
            month = month_of(self.first)
            while month <= self.last:
                yield month
                month = next_month(month)
        else:
            zone = conf.zone()
            low, high = slots_of(self.first, self.last, zone)
            yield from dict.fromkeys(point_of_slot(slot, step, zone) for slot in range(low, high))

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last


def point_of_slot(slot: int, step: Step, zone: dt.tzinfo) -> int:
    """Return the slot itself, or the slot in which its hour begins in local time."""
    return slot if step is Step.SLOT else slot - local(slot, zone).minute // 15


def today() -> dt.date:
    return day_of(timezone.now(), conf.zone())


def period_of(query: Mapping[str, str]) -> Period:
    """Read the period from a query string: `range` is one of PRESETS, or `from` and `to` are days as YYYY-MM-DD.

    The default is the last 30 days. Raises BadPeriod.
    """
    if query.get("from") or query.get("to"):
        last = _day(query["to"]) if query.get("to") else today()
        first = _day(query["from"]) if query.get("from") else last
        return Period(first, last)
    preset = query.get("range") or DEFAULT_PRESET
    if preset not in PRESETS:
        raise BadPeriod(f'Invalid range "{preset[:20]}": use one of {", ".join(PRESETS)}.')
    return Period(today() - (int(preset[:-1]) - 1) * DAY, today())


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise BadPeriod(f'"{text[:20]}" is not a date; use YYYY-MM-DD.') from None
    if not 1970 <= day.year <= 9000:
        raise BadPeriod(f'"{text[:20]}" is out of range; use a year from 1970 to 9000.')
    return day


@dataclass(frozen=True, slots=True)
class Cover:
    """A period as whole months and remaining days, which need the fewest rows of roll-ups."""

    months: Period | None
    days: tuple[Period, ...]


def cover(period: Period) -> Cover:
    start = period.first if period.first.day == 1 else next_month(period.first)
    end = month_of(period.last + DAY)
    if start >= end:
        return Cover(None, (period,))
    before = (Period(period.first, start - DAY),) if period.first < start else ()
    after = (Period(end, period.last),) if end <= period.last else ()
    return Cover(Period(start, end - DAY), before + after)
