"""Moves the roll-ups to the present, in steps that commit counts and position together."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, OperationalError, connections, router, transaction
from django.db.models import Min, Model
from django.utils import timezone

from analytics.conf import zone, zone_name
from analytics.models import RollupPosition, Term
from analytics.rollups.count import count, with_months
from analytics.rollups.frontier import sees_the_present, settled_id
from analytics.rollups.logs import COUNTED, USERS, Log
from analytics.rollups.terms import Terms
from analytics.rollups.upsert import add
from analytics.rollups.users import count_by_user

logger = logging.getLogger("analytics")

SERIALIZATION_FAILURE = "40001"

# Ids per transaction. In a larger step, more events share rows of the roll-ups; a kill repeats at most one step.
STEP = 100_000
# How long to wait for a transaction that may still write below the highest id.
PATIENCE_SECONDS = 10.0
# Smaller values for a page view, because a person waits for it.
BRIEF_STEP, BRIEF_PATIENCE_SECONDS, BRIEF_BUDGET_SECONDS = 5_000, 0.05, 0.5


class AnotherTimeZone(Exception):
    """The roll-ups were counted by the days of another zone."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome of a refresh for one log.

    log          the name of the log; "users" stands for the successful logins of known users
    events       how many events were counted
    is_complete  whether none is left: no transaction still writes into the log, and the budget was not used up
    """

    log: str
    events: int
    is_complete: bool


def refresh(
    *,
    step: int = STEP,
    patience: float = PATIENCE_SECONDS,
    budget: float = math.inf,
    lock_patience: float | None = None,
) -> list[Refreshed]:
    """Count the new events of each log. Any number of refreshes may run at once; each event is counted once.

    step            ids per transaction
    patience        seconds to wait for transactions that still write
    budget          seconds after which no further step is started
    lock_patience   seconds to wait for a step of another refresh; None waits to its end

    Raises AnotherTimeZone, and what the database raises.
    """
    deadline = time.monotonic() + budget
    return [_refresh_log(log, step, patience, deadline, lock_patience) for log in COUNTED]


def refresh_if_free() -> None:
    """Refresh briefly, for a page view. Gives up if another refresh is running or the database fails."""
    try:
        refresh(
            step=BRIEF_STEP,
            patience=BRIEF_PATIENCE_SECONDS,
            budget=BRIEF_BUDGET_SECONDS,
            lock_patience=BRIEF_PATIENCE_SECONDS,
        )
    except AnotherTimeZone as error:
        logger.error("%s", error)
    except DatabaseError as error:
        logger.info("A page view did not refresh the roll-ups: %s", str(error).partition("\n")[0])


@contextmanager
def held_positions() -> Iterator[None]:
    """Lock the positions, so that nobody moves the roll-ups during the block."""
    using = router.db_for_write(RollupPosition)
    with transaction.atomic(using=using):
        _lock_all(using)
        yield


def _lock_all(using: str) -> list[RollupPosition]:
    """Lock the positions in the order of COUNTED; every locker uses this order, so there is no deadlock."""
    positions = RollupPosition.objects.using(using).select_for_update()
    return [position for log in COUNTED for position in positions.filter(log=log.name)]


def _refresh_log(
    log: Log, step: int, patience: float, deadline: float, lock_patience: float | None
) -> Refreshed:
    using = router.db_for_write(RollupPosition)
    events_using = router.db_for_write(log.model)
    if not sees_the_present(events_using):
        return Refreshed(log.name, 0, is_complete=False)
    target = settled_id(log.model, using=events_using, patience=patience)
    if target is None:
        return Refreshed(log.name, 0, is_complete=False)
    counted, is_done = 0, False
    while not is_done:
        try:
            with _waiting_for_locks(using, lock_patience):
                events, is_done = _step(log, target, step, using, events_using)
        except OperationalError as error:
            if not _is_conflict(error) or connections[using].in_atomic_block:
                raise
            continue  # stricter isolation, and another refresh's step came between: retry
        counted += events
        if time.monotonic() > deadline:
            break
    return Refreshed(log.name, counted, is_complete=is_done)


def _is_conflict(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == SERIALIZATION_FAILURE


@contextmanager
def _waiting_for_locks(using: str, patience: float | None) -> Iterator[None]:
    if patience is None or connections[using].vendor != "postgresql":
        yield
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {round(patience * 1e3)}")
        yield
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")  # for a transaction that continues


def _step(log: Log, target: int, step: int, using: str, events_using: str) -> tuple[int, bool]:
    """Run one transaction. Returns how many events it counted, and whether it reached the target."""
    with transaction.atomic(using=using):
        position = lock_position(log, using)
        rows = log.model._base_manager.using(events_using).filter(pk__gt=position.last_id, pk__lte=target)
        first = rows.aggregate(Min("pk"))["pk__min"]
        if first is None:
            return 0, True
        last = min(first + step - 1, target)
        events = _count(log, rows.filter(pk__lte=last), using)
        _move_on(position, last)
        return events, last == target


def _count(log: Log, rows: Any, using: str) -> int:
    if log is USERS:
        return count_by_user(rows, using=using)
    counts = count(log, rows, Terms(using), zone())
    add(with_months(counts), using=using)
    return sum(counts[log.rollups[0]].values())


def lock_position(log: Log, using: str) -> RollupPosition:
    """Lock the position of a log, so that one transaction at a time moves it. Raises AnotherTimeZone.

    SQLite has no row locks; there the write locks the database.
    """
    positions = RollupPosition.objects.using(using)
    positions.bulk_create([RollupPosition(log=log.name, time_zone=zone_name())], ignore_conflicts=True)
    positions.filter(log=log.name).update(advanced_at=timezone.now())
    position = positions.get(log=log.name)
    if position.time_zone != zone_name():
        raise AnotherTimeZone(
            f'The roll-ups of {log.name} were counted by the days of "{position.time_zone}", but the dashboard is set '
            f'to "{zone_name()}". Set ANALYTICS["TIME_ZONE"] back, or run `manage.py refresh_rollups --rebuild`, which '
            "recounts the events that are still in the log."
        )
    return position


def _move_on(position: RollupPosition, last: int) -> None:
    position.last_id = last
    position.save(update_fields=["last_id"])


def rebuild() -> None:
    """Empty the roll-ups, so that the next refresh recounts the logs. Counts of deleted events are lost."""
    using = router.db_for_write(RollupPosition)
    with transaction.atomic(using=using):
        for position in _lock_all(using):
            position.last_id, position.time_zone = 0, zone_name()
            position.generation += 1
            position.save()
        # The terms too, so that values invented by strangers no longer take up room.
        models: list[type[Model]] = [Term, *(model for log in COUNTED for model in log.rollups)]
        for model in models:
            # `_raw_delete` is private. It does not look for related rows, of which there are none.
            # tests/analytics/rollups/test_refresh.py breaks first.
            model._base_manager.using(using).all()._raw_delete(using)
