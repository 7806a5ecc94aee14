"""The counts of a report while they are added up: first those of the roll-ups, then the events behind them.

All that is in it can be added to, so a tally that was kept from the roll-ups' last position is brought up to date by
the few events since.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.filters import DIMENSIONS, SUCCESS_NAMES
from analytics.rollups.sketch import EMPTY
from analytics.rollups.terms import OTHER_VALUE

PLACES = range(len(DIMENSIONS))
# The key of a point: see `Period.points`.
Point = Any


@dataclass(slots=True)
class Outcomes:
    """Successes and failures."""

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
        """Between 0 and 1; None where there was no login."""
        return self.successes / self.logins if self.logins else None


@dataclass(slots=True)
class Side:
    """Of a period: its sum, its course, what was done, and (as a sketch; not under filters) who logged in."""

    totals: Outcomes = field(default_factory=Outcomes)
    series: dict[Point, Outcomes] = field(default_factory=dict)
    actions: Counter[str] = field(default_factory=Counter)
    users: bytes = EMPTY

    def add(self, point: Point, success: bool, logins: int, *, is_in_sum: bool = True) -> None:
        if is_in_sum:
            self.totals.add(success, logins)
        self.series.setdefault(point, Outcomes()).add(success, logins)


class Shares:
    """By dimension and value: each dimension under the filters of all others, so that one sees what else there is to
    choose. Values are those of DIMENSIONS in their order."""

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        """`wanted`: the values that are filtered by."""
        self._wanted = [(DIMENSIONS.index(name), value) for name, value in wanted.items()]
        self._counts: list[dict[Any, list[int]]] = [{} for _ in DIMENSIONS]

    def add(self, values: Sequence[Any], success: bool, logins: int) -> None:
        missed = [place for place, value in self._wanted if values[place] != value]
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
        """`name` gives the text of a value; outcomes are booleans."""
        for dimension, counts in zip(DIMENSIONS, self._counts, strict=True):
            shares = tally.shares[dimension]
            text = SUCCESS_NAMES.__getitem__ if dimension == "outcome" else name
            for value, (successes, failures) in counts.items():
                found = shares.setdefault(text(value), Outcomes())
                found.successes += successes
                found.failures += failures


@dataclass(slots=True)
class Tally:
    """`shares` are by dimension and value, as of `Shares`; `hours` by weekday (Monday is 0) and hour. `full`: the
    values of the dimensions that take no more of them."""

    current: Side = field(default_factory=Side)
    previous: Side = field(default_factory=Side)
    hours: dict[tuple[int, int], Outcomes] = field(default_factory=dict)
    shares: dict[str, dict[str, Outcomes]] = field(default_factory=lambda: {name: {} for name in DIMENSIONS})
    full: dict[str, list[str]] = field(default_factory=dict)

    def add_hour(self, weekday: int, hour: int, success: bool, logins: int) -> None:
        self.hours.setdefault((weekday, hour), Outcomes()).add(success, logins)

    def counted_as(self, kind: str, value: str) -> str:
        """What an event's value will be counted as once it is rolled up."""
        return OTHER_VALUE if value and kind in self.full and value not in self.full[kind] else value

    # -- as it is cached ----------------------------------------------------------------------------------------------

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
        }

    @classmethod
    def unpacked(cls, data: dict[str, Any]) -> "Tally":
        return cls(
            current=_unpacked_side(data["current"]),
            previous=_unpacked_side(data["previous"]),
            hours={(weekday, hour): Outcomes(*pair) for weekday, hour, *pair in data["hours"]},
            shares={
                name: {value: Outcomes(*pair) for value, *pair in shares}
                for name, shares in data["shares"].items()
            },
            full=data["full"],
        )


def _pair(outcomes: Outcomes) -> list[int]:
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
        totals=Outcomes(*data["totals"]),
        series={_point(text): Outcomes(*pair) for text, *pair in data["series"]},
        actions=Counter(dict(data["actions"])),
        users=bytes.fromhex(data["users"]),
    )


def _point_text(point: Point) -> int | str:
    return point.isoformat() if isinstance(point, dt.date) else point


def _point(text: int | str) -> Point:
    return dt.date.fromisoformat(text) if isinstance(text, str) else text
