"""Computes the overview of a period as plain values, for the dashboard, its JSON and your own code.

from analytics.reports import overview
overview(Period(first, last), Filters(method="google")).totals.logins
"""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from analytics.conf import zone
from analytics.filters import DIMENSIONS, Filters
from analytics.period import Period, Step, start_of
from analytics.reports import read
from analytics.reports.question import Question, question_of
from analytics.reports.tally import LoginCounts, Point, Side, Tally
from analytics.rollups.sketch import estimate

DAYS_OF_A_MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a period.

    `success_rate` is between 0 and 1; None without logins. `users` estimates how many different users logged in
    (standard error 2.3 %, nearly exact up to some hundreds, see `rollups.sketch`); None under filters, because users
    are not counted by them. `activities` ignores filters, which are about logins.
    """

    logins: int
    successes: int
    failures: int
    success_rate: float | None
    users: int | None
    activities: int


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """A point of the series. `start` is local time, in the zone of analytics.

    `previous` are all logins of the point at the same place in the previous period.
    """

    start: dt.datetime
    label: str
    successes: int
    failures: int
    previous: int


@dataclass(frozen=True, slots=True)
class Share:
    """A value of a dimension with its logins, and how many of those failed.

    `portion` is between 0 and 1: the part of all logins in the breakdown that have the value. For reasons, which
    successes do not have, it is the part of all failures.
    """

    value: str
    logins: int
    failures: int
    portion: float


@dataclass(frozen=True, slots=True)
class Action:
    """An action with its activities in the period and in the previous one."""

    action: str
    activities: int
    previous: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The report of a period.

    step           from one point of the series to the next: 15 minutes, hour, day or month
    previous       the totals of the latest period before with as many days and the same weekdays. If the period is
                   still running, they count only up to the same time of day, where hours are known
    is_comparable  whether logins were recorded during all of that period
    series         the points in order, up to the present
    hours          hours[weekday][hour] is (successes, failures), with Monday first; None under filters that hours are
                   not counted by (browser, os, reason)
    shares         by dimension, the most frequent value first; each dimension under the filters of all others
    actions        the most frequent action first
    events_behind  events that are not in the roll-ups yet. They were counted from the log
    is_complete    False: too many events are behind to count them, so all figures lack them, and `events_behind` is
                   approximate. Run `refresh_rollups`
    is_running     the period is not over
    foreign_zone   the zone by whose days the roll-ups were counted, if it is not the one of the settings; else ""
    as_of          when the overview was computed, in UTC
    """

    period: Period
    filters: Filters
    step: Step
    totals: Totals
    previous: Totals
    is_comparable: bool
    series: tuple[SeriesPoint, ...]
    hours: tuple[tuple[tuple[int, int], ...], ...] | None
    shares: dict[str, tuple[Share, ...]]
    actions: tuple[Action, ...]
    events_behind: int
    is_complete: bool
    is_running: bool
    foreign_zone: str
    as_of: dt.datetime

    def as_json(self) -> dict[str, Any]:
        """Return the content of `data.json`: the keys of the classes above; the period by its first and last day."""
        return {
            "period": {"first": self.period.first, "last": self.period.last, "step": str(self.step)},
            "filters": self.filters.active,
            "totals": _plain(self.totals),
            "previous": _plain(self.previous),
            "is_comparable": self.is_comparable,
            "series": [_plain(point) for point in self.series],
            "hours": self.hours,
            "shares": {name: [_plain(share) for share in shares] for name, shares in self.shares.items()},
            "actions": [_plain(action) for action in self.actions],
            "events_behind": self.events_behind,
            "is_complete": self.is_complete,
            "is_running": self.is_running,
            "foreign_zone": self.foreign_zone,
            "as_of": self.as_of,
        }


def overview(period: Period, filters: Filters | None = None) -> Overview:
    """Compute the overview of a period: exact up to the last commit, except for `Totals.users`.

    Takes at most 10 queries, whatever the number of events. If more than `TAIL_EVENTS` events are behind, it first
    tries to move the roll-ups on, for half a second. Raises what the database raises.
    """
    question = question_of(period, filters or Filters())
    reading = read.read(question)
    tally = reading.tally
    is_filtered = bool(question.filters.active)
    return Overview(
        period=period,
        filters=question.filters,
        step=question.step,
        totals=_totals(tally.current, is_filtered=is_filtered),
        previous=_totals(tally.previous, is_filtered=is_filtered),
        is_comparable=tally.began is not None and tally.began <= question.previous.first,
        series=tuple(_series(tally, question)),
        hours=_hours(tally) if question.filters.are_narrow else None,
        shares={name: _shares(name, tally.shares[name]) for name in DIMENSIONS},
        actions=_actions(tally),
        events_behind=reading.events_behind,
        is_complete=reading.is_complete,
        is_running=question.now is not None,
        foreign_zone=reading.foreign_zone,
        as_of=dt.datetime.now(dt.UTC),
    )


def _totals(side: Side, *, is_filtered: bool) -> Totals:
    return Totals(
        logins=side.totals.logins,
        successes=side.totals.successes,
        failures=side.totals.failures,
        success_rate=side.totals.success_rate,
        users=None if is_filtered else estimate(side.users),
        activities=side.actions.total(),
    )


def _series(tally: Tally, question: Question) -> list[SeriesPoint]:
    """Return the points up to the present, or up to a later event that a wrong clock dated.

    Points of the previous period are matched by their place; months by as many months as the shift is
    nearest to, which for a year are those of the same name.
    """
    earlier = list(question.previous.points(question.step))
    slots = [point for point in tally.current.series if isinstance(point, int)]
    newest = math.inf if question.now_slot is None else max([question.now_slot, *slots])
    points = []
    for place, point in enumerate(question.period.points(question.step)):
        if isinstance(point, int) and point > newest:
            break
        counts = tally.current.series.get(point, LoginCounts())
        matching = _a_shift_before(point, question) if question.step is Step.MONTH else _at(earlier, place)
        before = tally.previous.series.get(matching)
        start, label = _named(point, question.step)
        points.append(
            SeriesPoint(start, label, counts.successes, counts.failures, before.logins if before else 0)
        )
    return points


def _at(points: list[Point], place: int) -> Point | None:
    return points[place] if place < len(points) else None


def _a_shift_before(month: Point, question: Question) -> dt.date:
    """Return the month that is compared with a month: 364 days are a year, although they may begin a month later."""
    months = month.year * 12 + month.month - 1 - round(question.period.shift.days / DAYS_OF_A_MONTH)
    return dt.date(months // 12, months % 12 + 1, 1)


def _named(point: Point, step: Step) -> tuple[dt.datetime, str]:
    start = start_of(point, zone())
    if isinstance(point, int):
        return start, f"{start:%H:%M}" if step is Step.SLOT else f"{start:%a %d %b, %H:%M}"
    return start, f"{start:%b %Y}" if step is Step.MONTH else f"{start:%a %d %b}"


def _hours(tally: Tally) -> tuple[tuple[tuple[int, int], ...], ...]:
    nothing = LoginCounts()
    cells = [[tally.hours.get((weekday, hour), nothing) for hour in range(24)] for weekday in range(7)]
    return tuple(tuple((cell.successes, cell.failures) for cell in row) for row in cells)


def _shares(dimension: str, values: dict[str, LoginCounts]) -> tuple[Share, ...]:
    def counted(counts: LoginCounts) -> int:
        return counts.failures if dimension == "reason" else counts.logins

    total = sum(map(counted, values.values())) or 1
    ordered = sorted(values.items(), key=lambda item: (-item[1].logins, item[0]))
    return tuple(
        Share(value, counts.logins, counts.failures, counted(counts) / total)
        for value, counts in ordered
        if counts.logins
    )


def _actions(tally: Tally) -> tuple[Action, ...]:
    ordered = sorted(tally.current.actions.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Action(action, number, tally.previous.actions[action]) for action, number in ordered)


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
