"""Reads the events that are not in the roll-ups yet, and adds them to a tally."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Min

from analytics.calendar import day_of, slot_of
from analytics.conf import conf
from analytics.filters import DIMENSIONS
from analytics.reports.from_rollups import add_slot
from analytics.reports.question import Question
from analytics.reports.tally import Shares, Side, Tally
from analytics.rollups.logs import ACTIVITIES, LOGINS, Log
from analytics.rollups.positions import Positions, positions
from analytics.rollups.refresh import refresh_if_free
from analytics.rollups.sketch import joined, sketch_of
from analytics.rollups.users import Seen

# More events than this are not counted one by one: `refresh_rollups` has not run for a long time.
MOST_BEHIND = 20_000


@dataclass(frozen=True, slots=True)
class Tail:
    """Events that are not in the roll-ups yet."""

    logins: list[tuple[Any, ...]]
    activities: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.logins) + len(self.activities)

    @property
    def longest(self) -> int:
        return max(len(self.logins), len(self.activities))


def events_behind(at: Positions) -> int:
    """Estimate from the ids how many events are behind, without counting them."""
    return sum(
        _ids_behind(log, last_id) for log, last_id in ((LOGINS, at.logins), (ACTIVITIES, at.activities))
    )


def _ids_behind(log: Log, last_id: int) -> int:
    ids = log.model._default_manager.filter(pk__gt=last_id).aggregate(low=Min("pk"), high=Max("pk"))
    return 0 if ids["high"] is None else int(ids["high"] - ids["low"] + 1)


def tail(at: Positions, *, most: int | None = None) -> Tail:
    """Read the events behind the positions, at most `most` of each log; None reads all."""
    logins = _behind(LOGINS, at.logins, "timestamp", "user", "success", *LOGINS.dimensions.values())
    activities = _behind(ACTIVITIES, at.activities, "timestamp", "action")
    return Tail(list(logins[:most]), list(activities[:most]))


def _behind(log: Any, last_id: int, *columns: str) -> Any:
    rows = log.model._default_manager.filter(pk__gt=last_id).order_by()
    return rows.values_list(*columns)


def add_tail(tally: Tally, question: Question, behind: Tail) -> None:
    _add_logins(tally, question, behind.logins)
    for moment, action in behind.activities:
        side = _side(tally, question, day_of(moment, question.zone))
        if side is not None:
            side.actions[tally.counted_as("action", action)] += 1


def _side(tally: Tally, question: Question, day: dt.date) -> Side | None:
    if day in question.period:
        return tally.current
    return tally.previous if day in question.previous else None


def _add_logins(tally: Tally, question: Question, logins: list[tuple[Any, ...]]) -> None:
    shares = Shares(question.filters.log_values)
    users: dict[bool, set[Any]] = {True: set(), False: set()}
    for moment, user, success, *texts in logins:
        day = day_of(moment, question.zone)
        tally.note_day(day)
        side = _side(tally, question, day)
        if side is None:
            continue
        is_current = side is tally.current
        values = {
            kind: tally.counted_as(kind, text) for kind, text in zip(LOGINS.dimensions, texts, strict=True)
        }
        if is_current:
            shares.add([success, *(values[name] for name in DIMENSIONS[1:])], success, 1)
        if user is not None and success:
            users[is_current].add(user)
        if question.filters.admit(success, values):
            add_slot(tally, question, slot_of(moment), success, 1, is_current=is_current)
    shares.add_to(tally)
    if not question.filters.active:
        for side, user_ids in ((tally.current, users[True]), (tally.previous, users[False])):
            side.users = joined([side.users, sketch_of(user_ids)]) if user_ids else side.users


@dataclass(frozen=True, slots=True)
class UserTail:
    """The successful logins of known users that are not in the roll-ups yet, as time and user.

    `position` is that of the roll-up by user; `seen` has what it lacks. If they are too many to count (`is_complete` is
    False), there are none here.
    """

    position: int
    logins: list[tuple[dt.datetime, Any]]
    seen: dict[Any, Seen]
    is_complete: bool


def users_behind() -> UserTail:
    """Read the logins behind the roll-ups by user. If they are many, first move the roll-ups on."""
    at, rows = _logins_behind(conf.TAIL_EVENTS + 1)
    if len(rows) > conf.TAIL_EVENTS:
        refresh_if_free()
        at, rows = _logins_behind(MOST_BEHIND + 1)
    if len(rows) > MOST_BEHIND:
        return UserTail(at.users, [], {}, is_complete=False)
    counted = [row for row in rows if row[2] and row[3] is not None]
    seen: dict[Any, Seen] = {}
    for number, moment, _success, user in counted:
        if number > at.users:
            seen[user] = Seen(moment, moment, 1).with_(seen.get(user))
    return UserTail(at.users, [(row[1], row[3]) for row in counted], seen, is_complete=True)


def _logins_behind(most: int) -> tuple[Positions, list[tuple[Any, ...]]]:
    at = positions()
    rows = _behind(LOGINS, min(at.logins, at.users), "pk", "timestamp", "success", "user")
    return at, list(rows[:most])
