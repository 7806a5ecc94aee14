"""What the roll-ups and the events behind them say of a period: a handful of queries at any number of events.

The roll-ups are read without a lock. So that none of them is from before a step of `refresh` and none from after it,
the position is read before and after; where it moved meanwhile, all is read again.
"""

from dataclasses import dataclass
from typing import Any

from analytics.conf import conf, zone_name
from analytics.reports.cached import kept
from analytics.reports.from_rollups import read_rollups
from analytics.reports.question import Question
from analytics.reports.tail import add_tail, events_behind, tail
from analytics.reports.tally import Tally
from analytics.rollups.positions import Positions, positions
from analytics.rollups.refresh import held_positions, refresh_if_free

# As many times the roll-ups may move on while they are read, before the reader holds them.
TRIES = 4
# More events than this are not counted one by one: there `refresh_rollups` has not been run for long.
MOST_BEHIND = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """`events_behind` are not in the roll-ups yet; where they are too many (`is_complete` is False) they are not in the
    tally either, and their number is about right. `foreign_zone`: the zone whose days the roll-ups have, where that
    is not the one that is asked for."""

    tally: Tally
    events_behind: int
    is_complete: bool
    foreign_zone: str


class Moved(Exception):
    """The roll-ups moved on while they were read."""


def read(asked: Question) -> Reading:
    """The counts up to the last commit."""
    for _ in range(TRIES):
        try:
            return _read(asked)
        except Moved:
            continue
    with held_positions():
        return _read(asked)


def _read(asked: Question) -> Reading:
    at = positions()
    behind = tail(at, most=conf.TAIL_EVENTS + 1)
    if behind.longest > conf.TAIL_EVENTS:
        refresh_if_free()
        at = positions()
        behind = tail(at, most=MOST_BEHIND + 1)
    tally = settled(asked, at)
    foreign_zone = at.time_zone if at.time_zone != zone_name() else ""
    if behind.longest > MOST_BEHIND:
        return Reading(tally, events_behind(at), is_complete=False, foreign_zone=foreign_zone)
    add_tail(tally, asked, behind)
    return Reading(tally, len(behind), is_complete=True, foreign_zone=foreign_zone)


def settled(asked: Question, at: Positions) -> Tally:
    """What the roll-ups say at these positions, from the cache where it is known. Raises Moved."""
    name = f"overview:{asked.name()}:{at.logins}:{at.activities}:{at.generations}:{at.time_zone}"
    return kept(name, lambda: _read_at(asked, at), Tally.unpacked)


def _read_at(asked: Question, at: Positions) -> dict[str, Any]:
    tally = read_rollups(asked)
    if positions() != at:
        raise Moved
    return tally.packed()
