"""Reads the roll-ups and the events behind them, with a handful of queries at any number of events.

The roll-ups are read without a lock. To read all of them between the same two steps of `refresh`, the position is read
before and after; if it moved in between, everything is read again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from analytics.conf import conf, zone_name
from analytics.reports.cached import cached
from analytics.reports.from_rollups import read_rollups
from analytics.reports.question import Question
from analytics.reports.tail import MOST_BEHIND, add_tail, events_behind, tail
from analytics.reports.tally import Tally
from analytics.rollups.positions import Positions, positions
from analytics.rollups.refresh import held_positions, refresh_if_free

# If the roll-ups move during each of so many reads, the reader locks them.
TRIES = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """The counts of a question.

    `events_behind` are not in the roll-ups yet. If they are too many to count (`is_complete` is False), they are not in
    the tally either, and their number is approximate. `foreign_zone` is the zone whose days the roll-ups have, if it is
    not the one of the settings; else "".
    """

    tally: Tally
    events_behind: int
    is_complete: bool
    foreign_zone: str


class Moved(Exception):
    """The roll-ups moved while they were read."""


T = TypeVar("T")


def between_steps(call: Callable[[], T]) -> T:
    """Call until the roll-ups do not move meanwhile. The function raises Moved if it notices that they did."""
    for _ in range(TRIES):
        try:
            return call()
        except Moved:
            continue
    with held_positions():
        return call()


def read(question: Question) -> Reading:
    """Return the counts up to the last commit."""
    return between_steps(lambda: _read(question))


def _read(question: Question) -> Reading:
    at = positions()
    behind = tail(at, most=conf.TAIL_EVENTS + 1)
    if behind.longest > conf.TAIL_EVENTS:
        refresh_if_free()
        at = positions()
        behind = tail(at, most=MOST_BEHIND + 1)
    tally = rolled_up(question, at)
    foreign_zone = at.time_zone if at.time_zone != zone_name() else ""
    if behind.longest > MOST_BEHIND:
        return Reading(tally, events_behind(at), is_complete=False, foreign_zone=foreign_zone)
    add_tail(tally, question, behind)
    return Reading(tally, len(behind), is_complete=True, foreign_zone=foreign_zone)


def rolled_up(question: Question, at: Positions) -> Tally:
    """Return the counts of the roll-ups at these positions, from the cache if possible. Raises Moved."""
    name = f"overview:{question.name()}:{at.logins}:{at.activities}:{at.generations}:{at.time_zone}"
    return cached(name, lambda: _read_at(question, at), Tally.unpacked)


def _read_at(question: Question, at: Positions) -> dict[str, Any]:
    tally = read_rollups(question)
    if positions() != at:
        raise Moved
    return tally.packed()
