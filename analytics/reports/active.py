"""Counts the users who log in: today, in the last 7 and 28 days, and who of a period is new.

from analytics.reports import active_users
active_users(Period(first, last)).month
"""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min, Q

from analytics.calendar import aware, day_of, midnight, month_of, stored
from analytics.conf import zone
from analytics.models import UserRollup, UserSketch
from analytics.period import DAY, Cover, Period, Step, cover, today
from analytics.reports.from_rollups import of_cover
from analytics.reports.read import Moved, between_steps
from analytics.reports.tail import UserTail, users_behind
from analytics.rollups.positions import positions
from analytics.rollups.sketch import EMPTY, estimate, joined, sketch_of
from analytics.rollups.users import Seen, seen_of

# Whole weeks, so that each has as many Sundays.
WEEK_DAYS, MONTH_DAYS = 7, 28


@dataclass(frozen=True, slots=True)
class ActiveUsers:
    """How many different users logged in. Those who were deleted or erased since are not counted.

    today, week, month  in the days of the analytics zone: today, the last 7 days and the last 28 days, today included
    in_period           in the period; exact if it is not over (`is_exact`), else an estimate (`rollups.sketch`, 2.3 %)
    new                 whose first login of all is in the period; exact. None if no login is known from before the
                        period, because then it is not known who is new
    series              each day, or month if the period has more than 190 days, with an estimate of its users
    is_complete         False: too many logins are behind the roll-up to be counted here
    """

    today: int
    week: int
    month: int
    in_period: int
    is_exact: bool
    new: int | None
    series: tuple[tuple[dt.date, int], ...]
    is_complete: bool

    def packed(self) -> dict[str, Any]:
        """Return the report as a JSON value."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"series": [[day.isoformat(), users] for day, users in self.series]}

    @classmethod
    def unpacked(cls, data: dict[str, Any]) -> "ActiveUsers":
        series = tuple((dt.date.fromisoformat(day), users) for day, users in data["series"])
        return cls(**data | {"series": series})

    @property
    def returning(self) -> int | None:
        return None if self.new is None else max(0, self.in_period - self.new)


def active_users(period: Period) -> ActiveUsers:
    """Compute the report up to the last commit, with a handful of queries at any number of events.

    All users are read once. A login that a wrong clock has dated in the future counts as the latest of its user.
    """
    return between_steps(lambda: _active_users(period))


def _active_users(period: Period) -> ActiveUsers:
    present = today()
    behind = users_behind()
    counted = _Counted(period, present)
    if behind.seen:
        counted.correct(behind.seen)
        if positions().users != behind.position:
            raise Moved
    days = _sketches(period, behind)
    is_exact = period.last >= present
    return ActiveUsers(
        today=counted.sums["today"],
        week=counted.sums["week"],
        month=counted.sums["month"],
        in_period=counted.sums["since"] if is_exact else estimate(joined(days.values())),
        is_exact=is_exact,
        new=counted.sums["new"] if counted.is_new_known else None,
        series=tuple(
            (day, estimate(days.get(day, EMPTY))) for day in _points(period) if day <= present or day in days
        ),
        is_complete=behind.is_complete,
    )


class _Counted:
    """The users of the roll-up who meet each condition, corrected by those who logged in since."""

    def __init__(self, period: Period, present: dt.date) -> None:
        starts = {
            "today": present,
            "week": present - (WEEK_DAYS - 1) * DAY,
            "month": present - (MONTH_DAYS - 1) * DAY,
            "since": period.first,
        }
        self._starts = {name: midnight(day, zone()) for name, day in starts.items()}
        self._first, self._end = midnight(period.first, zone()), midnight(period.last + DAY, zone())
        conditions = {name: Q(last_login_at__gte=stored(start)) for name, start in self._starts.items()}
        conditions["new"] = Q(first_login_at__gte=stored(self._first), first_login_at__lt=stored(self._end))
        counts = {name: Count("pk", filter=condition) for name, condition in conditions.items()}
        self.sums: dict[str, Any] = UserRollup.objects.aggregate(**counts, began=Min("first_login_at"))
        self._began = self.sums["began"]

    @property
    def is_new_known(self) -> bool:
        return self._began is not None and aware(self._began) < self._first

    def correct(self, later: dict[Any, Seen]) -> None:
        """Count these users by all their logins, in place of those that the roll-up has."""
        before = seen_of(later)
        for user, seen in later.items():
            both = seen.with_(before.get(user))
            self._add(before.get(user), -1)
            self._add(both, 1)
            if self._began is None or aware(both.first_at) < aware(self._began):
                self._began = both.first_at

    def _add(self, seen: Seen | None, change: int) -> None:
        if seen is None:
            return
        for name, start in self._starts.items():
            self.sums[name] += change * (aware(seen.last_at) >= start)
        self.sums["new"] += change * (self._first <= aware(seen.first_at) < self._end)


def _sketches(period: Period, behind: UserTail) -> dict[dt.date, bytes]:
    """Return the sketches of the days or months of the period, with the users who logged in since."""
    by_month = period.step is Step.MONTH
    covered = cover(period) if by_month else Cover(None, (period,))
    rows = UserSketch.objects.filter(of_cover(covered)).values_list("bucket", "registers")
    found: dict[dt.date, list[bytes]] = defaultdict(list)
    for bucket, registers in rows:
        found[month_of(bucket) if by_month else bucket].append(bytes(registers))
    later: dict[dt.date, set[Any]] = defaultdict(set)
    for moment, user in behind.logins:
        day = day_of(moment, zone())
        if day in period:
            later[month_of(day) if by_month else day].add(user)
    for day, users in later.items():
        found[day].append(sketch_of(users))
    return {day: joined(sketches) if len(sketches) > 1 else sketches[0] for day, sketches in found.items()}


def _points(period: Period) -> list[dt.date]:
    step = Step.MONTH if period.step is Step.MONTH else Step.DAY
    return [day for day in period.points(step) if isinstance(day, dt.date)]
