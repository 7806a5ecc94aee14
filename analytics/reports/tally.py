"""Adds up the counts of a report: first those of the roll-ups, then the events behind them.

Every part can be added to, so a cached tally of the roll-ups' last position is updated with the few events since.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.filters import DIMENSIONS, OUTCOME_NAMES
from analytics.rollups.sketch import EMPTY
from analytics.rollups.terms import OTHER_VALUE

PLACES = range(len(DIMENSIONS))
# The key of a point: see `Period.points`.
Point = Any


@dataclass(slots=True)
class LoginCounts:
    """How many logins succeeded and how many failed."""

    successes: int = 0
    failures: int = 0

    def add(self, success: bool, logins: int) -> None:
        if success:
            self.successes += logins
        else:
            self.failures += logins

    @property
    def logins(self) -> int:
        return self.successes + self.failures

    @property
    def success_rate(self) -> float | None:
        """Between 0 and 1; None without logins."""
        return self.successes / self.logins if self.logins else None


@dataclass(slots=True)
class Side:
    """The counts of one period: the sum, the series, the actions, and a sketch of the users who logged in.

    Under filters the sketch stays empty, because users are not counted by them.
    """

    totals: LoginCounts = field(default_factory=LoginCounts)
    series: dict[Point, LoginCounts] = field(default_factory=dict)
    actions: Counter[str] = field(default_factory=Counter)
    users: bytes = EMPTY

    def add(self, point: Point, success: bool, logins: int, *, is_in_sum: bool = True) -> None:
        if is_in_sum:
            self.totals.add(success, logins)
        self.series.setdefault(point, LoginCounts()).add(success, logins)


class Shares:
    """Logins by dimension and value.

    Each dimension is counted under the filters of all others, so that the other values to choose from stay visible.
    """

    def __init__(self, filters: Mapping[str, Any]) -> None:
        """`filters` has the value of each dimension that is filtered, in the form that `add` gets."""
        self._filters = [(DIMENSIONS.index(name), value) for name, value in filters.items()]
        self._counts: list[dict[Any, list[int]]] = [{} for _ in DIMENSIONS]

    def add(self, values: Sequence[Any], success: bool, logins: int) -> None:
        """Add logins; `values` are in the order of DIMENSIONS."""
        missed = [place for place, value in self._filters if values[place] != value]
        if len(missed) > 1:
            return
        for place in missed or PLACES:
            counts = self._counts[place]
            value = values[place]
            if value in counts:
                counts[value][not success] += logins
            else:
                counts[value] = [0, logins] if not success else [logins, 0]

    def add_to(self, tally: "Tally", name: Callable[[Any], str] = str) -> None:
        """Add the shares to a tally. `name` returns the text of a value; outcomes are booleans."""
        for dimension, counts in zip(DIMENSIONS, self._counts, strict=True):
            shares = tally.shares[dimension]
            text = OUTCOME_NAMES.__getitem__ if dimension == "outcome" else name
            for value, (successes, failures) in counts.items():
                share = shares.setdefault(text(value), LoginCounts())
                share.successes += successes
                share.failures += failures


@dataclass(slots=True)
class Tally:
    """All counts of a report.

    `shares` are by dimension and value, as `Shares` adds them. `hours` are by weekday (Monday is 0) and hour. `full`
    has the values of the dimensions that accept no new ones. `began` is the day of the first login of all.
    """

    current: Side = field(default_factory=Side)
    previous: Side = field(default_factory=Side)
    hours: dict[tuple[int, int], LoginCounts] = field(default_factory=dict)
    shares: dict[str, dict[str, LoginCounts]] = field(
        default_factory=lambda: {name: {} for name in DIMENSIONS}
    )
    full: dict[str, list[str]] = field(default_factory=dict)
    began: dt.date | None = None

    def note_day(self, day: dt.date) -> None:
        self.began = day if self.began is None else min(day, self.began)

    def add_hour(self, weekday: int, hour: int, success: bool, logins: int) -> None:
        self.hours.setdefault((weekday, hour), LoginCounts()).add(success, logins)

    def counted_as(self, kind: str, value: str) -> str:
        """Return the value under which the roll-ups will count an event's value."""
        return OTHER_VALUE if value and kind in self.full and value not in self.full[kind] else value

    # -- the cached form ----------------------------------------------------------------------------------------------

    def packed(self) -> dict[str, Any]:
        return {
            "current": _packed_side(self.current),
            "previous": _packed_side(self.previous),
            "hours": [[*key, *_pair(outcomes)] for key, outcomes in self.hours.items()],
            "shares": {
                name: [[value, *_pair(outcomes)] for value, outcomes in shares.items()]
                for name, shares in self.shares.items()
            },
            "full": self.full,
            "began": self.began.isoformat() if self.began else None,
        }

    @classmethod
    def unpacked(cls, data: dict[str, Any]) -> "Tally":
        return cls(
            current=_unpacked_side(data["current"]),
            previous=_unpacked_side(data["previous"]),
            hours={(weekday, hour): LoginCounts(*pair) for weekday, hour, *pair in data["hours"]},
            shares={
                name: {value: LoginCounts(*pair) for value, *pair in shares}
                for name, shares in data["shares"].items()
            },
            full=data["full"],
            began=dt.date.fromisoformat(data["began"]) if data["began"] else None,
        )


def _pair(outcomes: LoginCounts) -> list[int]:
    return [outcomes.successes, outcomes.failures]


def _packed_side(side: Side) -> dict[str, Any]:
    return {
        "totals": _pair(side.totals),
        "series": [[_point_text(point), *_pair(outcomes)] for point, outcomes in side.series.items()],
        "actions": list(side.actions.items()),
        "users": side.users.hex(),
    }


def _unpacked_side(data: dict[str, Any]) -> Side:
    return Side(
        totals=LoginCounts(*data["totals"]),
        series={_point(text): LoginCounts(*pair) for text, *pair in data["series"]},
        actions=Counter(dict(data["actions"])),
        users=bytes.fromhex(data["users"]),
    )


def _point_text(point: Point) -> int | str:
    return point.isoformat() if isinstance(point, dt.date) else point


def _point(text: int | str) -> Point:
    return dt.date.fromisoformat(text) if isinstance(text, str) else text
