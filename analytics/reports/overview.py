"""What there is to say of a period, as plain values: for the dashboard, its JSON, and whoever else wants to know.

from analytics.reports import overview
overview(Period(first, last), Filters(method="google")).totals.logins
"""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from analytics.calendar import local
from analytics.conf import zone
from analytics.filters import DIMENSIONS, Filters
from analytics.period import Period, Step
from analytics.reports import read
from analytics.reports.question import Question, question
from analytics.reports.tally import Outcomes, Point, Side, Tally
from analytics.rollups.sketch import estimate


@dataclass(frozen=True, slots=True)
class Totals:
    """`success_rate` is between 0 and 1, None without a login. `users` is about how many different users logged in
    (± 2.3 %, nearly exact up to some hundreds); None under filters, by which it is not counted."""

    logins: int
    successes: int
    failures: int
    success_rate: float | None
    users: int | None
    activities: int


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """`start` is local time. `previous`: all logins of the point as far from the start of the period before."""

    start: dt.datetime
    label: str
    successes: int
    failures: int
    previous: int


@dataclass(frozen=True, slots=True)
class Share:
    """A value of a dimension. `portion` is its part of all logins in the breakdown, between 0 and 1."""

    value: str
    logins: int
    failures: int
    portion: float


@dataclass(frozen=True, slots=True)
class Action:
    action: str
    activities: int
    previous: int


@dataclass(frozen=True, slots=True)
class Overview:
    """`hours[weekday][hour]` are (successes, failures), Monday first; None under filters that hours are not counted by.

    `shares[dimension]` has the most frequent value first, each breakdown under the filters of the others. `previous`
    are the totals of the period before; of a period that is not over, up to the same time of the day where hours are
    known.
    `events_behind` were counted from the log itself, for they are not in the roll-ups yet. Where `is_complete` is False
    they are too many for that, and none of the figures knows of them: `refresh_rollups` has not been run for long.
    `is_running`: the period is not over. `foreign_zone`: the days are those of this zone, by which the roll-ups were
    counted, and not of that which is asked for; empty where all is well.
    """

    period: Period
    filters: Filters
    step: Step
    totals: Totals
    previous: Totals
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
        """The keys of `data.json`: those of the classes above; the period by its first and last day."""
        return {
            "period": {"first": self.period.first, "last": self.period.last, "step": str(self.step)},
            "filters": self.filters.active,
            "totals": _plain(self.totals),
            "previous": _plain(self.previous),
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
    """Exact up to the last commit, save `Totals.users`. At most 10 queries, whatever the number of events."""
    asked = question(period, filters or Filters())
    found = read.read(asked)
    tally = found.tally
    is_filtered = bool(asked.filters.active)
    return Overview(
        period=period,
        filters=asked.filters,
        step=asked.step,
        totals=_totals(tally.current, is_filtered=is_filtered),
        previous=_totals(tally.previous, is_filtered=is_filtered),
        series=tuple(_series(tally, asked)),
        hours=_hours(tally) if asked.filters.are_narrow else None,
        shares={name: _shares(tally.shares[name]) for name in DIMENSIONS},
        actions=_actions(tally),
        events_behind=found.events_behind,
        is_complete=found.is_complete,
        is_running=asked.now is not None,
        foreign_zone=found.foreign_zone,
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


def _series(tally: Tally, asked: Question) -> list[SeriesPoint]:
    """Up to the present, or what a wrong clock put after it; points of the period before lie at the same places."""
    earlier = list(asked.previous.points(asked.step))
    slots = [point for point in tally.current.series if isinstance(point, int)]
    newest = math.inf if asked.now_slot is None else max([asked.now_slot, *slots])
    points = []
    for place, point in enumerate(asked.period.points(asked.step)):
        if isinstance(point, int) and point > newest:
            break
        found = tally.current.series.get(point, Outcomes())
        before = tally.previous.series.get(earlier[place]) if place < len(earlier) else None
        start, label = _named(point, asked.step)
        points.append(
            SeriesPoint(start, label, found.successes, found.failures, before.logins if before else 0)
        )
    return points


def _named(point: Point, step: Step) -> tuple[dt.datetime, str]:
    if isinstance(point, int):
        start = local(point, zone())
        return start, f"{start:%H:%M}" if step is Step.SLOT else f"{start:%a %d %b, %H:%M}"
    start = dt.datetime.combine(point, dt.time(), tzinfo=zone())
    return start, f"{start:%b %Y}" if step is Step.MONTH else f"{start:%a %d %b}"


def _hours(tally: Tally) -> tuple[tuple[tuple[int, int], ...], ...]:
    nothing = Outcomes()
    cells = [[tally.hours.get((weekday, hour), nothing) for hour in range(24)] for weekday in range(7)]
    return tuple(tuple((cell.successes, cell.failures) for cell in row) for row in cells)


def _shares(found: dict[str, Outcomes]) -> tuple[Share, ...]:
    total = sum(outcomes.logins for outcomes in found.values())
    ordered = sorted(found.items(), key=lambda item: (-item[1].logins, item[0]))
    return tuple(
        Share(value, outcomes.logins, outcomes.failures, outcomes.logins / total)
        for value, outcomes in ordered
        if outcomes.logins
    )


def _actions(tally: Tally) -> tuple[Action, ...]:
    ordered = sorted(tally.current.actions.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Action(action, number, tally.previous.actions[action]) for action, number in ordered)


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
