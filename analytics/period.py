"""Periods of days, the periods they are compared with, and the steps of their series."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics import conf
from analytics.calendar import day_of, local, month_of, next_month, slot_of, slots_of

DAY = dt.timedelta(days=1)
# Whole weeks, so that a period has as many Mondays as the one it is compared with.
PRESETS = {
    "1d": _("Today"),
    "7d": _("7 days"),
    "28d": _("28 days"),
    "91d": _("91 days"),
    "364d": _("12 months"),
}
DEFAULT_PRESET = "28d"
MOST_DAYS = 3_660
RANGE = re.compile(r"[1-9][0-9]{0,3}d")


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
            raise BadPeriod(
                gettext('"%(first)s" is later than "%(last)s"; swap the dates.')
                % {"first": self.first, "last": self.last}
            )
        if self.days > MOST_DAYS:
            raise BadPeriod(
                gettext('"%(first)s" to "%(last)s" is %(days)s days; choose at most %(most)s days.')
                % {
                    "first": self.first,
                    "last": self.last,
                    "days": number_format(self.days, force_grouping=True),
                    "most": number_format(MOST_DAYS, force_grouping=True),
                }
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

    @property
    def shift(self) -> dt.timedelta:
        """The time to the period that this one is compared with: whole weeks, so that weekdays meet weekdays."""
        return -(-self.days // 7) * 7 * DAY

    def previous(self) -> "Period":
        """Return the latest period before with as many days and the same weekdays."""
        return Period(self.first - self.shift, self.last - self.shift)

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


def point_at(moment: dt.datetime, step: Step, zone: dt.tzinfo) -> dt.date | int:
    """Return the key of the point of a series that a moment belongs to."""
    slot = slot_of(moment)
    if step in (Step.SLOT, Step.HOUR):
        return point_of_slot(slot, step, zone)
    day = local(slot, zone).date()
    return month_of(day) if step is Step.MONTH else day


def start_of(point: dt.date | int, zone: dt.tzinfo) -> dt.datetime:
    """Return when a point of a series begins, as local time of a zone."""
    return (
        local(point, zone) if isinstance(point, int) else dt.datetime.combine(point, dt.time(), tzinfo=zone)
    )


def today() -> dt.date:
    return day_of(timezone.now(), conf.zone())


def period_of(query: Mapping[str, str]) -> Period:
    """Read the period from a query string: `range` is a number of days (28d), or `from` and `to` are days (YYYY-MM-DD).

    The default is the last 28 days. Raises BadPeriod.
    """
    if query.get("from") or query.get("to"):
        last = _day(query["to"]) if query.get("to") else today()
        first = _day(query["from"]) if query.get("from") else last
        return Period(first, last)
    span = query.get("range") or DEFAULT_PRESET
    if not RANGE.fullmatch(span):
        reason = gettext('Invalid range "%(range)s": use a number of days, such as %(ranges)s.')
        raise BadPeriod(reason % {"range": span[:20], "ranges": ", ".join(PRESETS)})
    return Period(today() - (int(span[:-1]) - 1) * DAY, today())


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise BadPeriod(gettext('"%(text)s" is not a date; use YYYY-MM-DD.') % {"text": text[:20]}) from None
    if not 1970 <= day.year <= 9000:
        raise BadPeriod(
            gettext('"%(text)s" is out of range; use a year from 1970 to 9000.') % {"text": text[:20]}
        )
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
