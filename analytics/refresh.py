"""Moves the roll-ups on to the present, in steps that each commit what they counted together with how far."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connections, router, transaction
from django.db.models import Min
from django.utils import timezone

from analytics.conf import zone, zone_name
from analytics.counting import count, with_months
from analytics.logs import LOGS, Log
from analytics.models import RollupPosition
from analytics.settled import sees_the_present, settled_id
from analytics.terms import Terms
from analytics.upsert import add

logger = logging.getLogger("analytics")

# Ids per transaction. More of them share rows of the roll-ups; a kill repeats as many at most.
STEP = 100_000
# How long to wait for a transaction that may still write below the highest id.
PATIENCE_SECONDS = 10.0
# The same for a look at the dashboard, which somebody waits for.
BRIEF_STEP, BRIEF_PATIENCE_SECONDS, BRIEF_BUDGET_SECONDS = 5_000, 0.05, 0.5


class AnotherTimeZone(Exception):
    """The roll-ups were counted by the days of another zone."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`events` were counted. `is_complete`: up to the present; else a transaction that writes is still open."""

    log: str
    events: int
    is_complete: bool


def refresh(
    *, step: int = STEP, patience: float = PATIENCE_SECONDS, budget: float = math.inf
) -> list[Refreshed]:
    """Count what is new in each log. Any number may run at once; each event is counted by one of them.

    `patience` and `budget` are seconds: how long to wait for transactions that still write, and after how long no
    further step is begun. Raises AnotherTimeZone.
    """
    deadline = time.monotonic() + budget
    return [_refresh_log(log, step, patience, deadline) for log in LOGS]


def refresh_if_free() -> None:
    """As a look at a dashboard does: unless somebody else is at it, and not for long."""
    if not _is_free():
        return
    try:
        refresh(step=BRIEF_STEP, patience=BRIEF_PATIENCE_SECONDS, budget=BRIEF_BUDGET_SECONDS)
    except AnotherTimeZone as error:
        logger.error("%s", error)


def _is_free() -> bool:
    using = router.db_for_write(RollupPosition)
    if not connections[using].features.has_select_for_update_skip_locked:
        return True
    rows = RollupPosition.objects.using(using).select_for_update(skip_locked=True)
    with transaction.atomic(using=using):
        return len(rows) == RollupPosition.objects.using(using).count()


@contextmanager
def held_positions() -> Iterator[None]:
    """Nobody moves the roll-ups on meanwhile."""
    using = router.db_for_write(RollupPosition)
    with transaction.atomic(using=using):
        list(RollupPosition.objects.using(using).select_for_update().order_by("pk"))
        yield


def _refresh_log(log: Log, step: int, patience: float, deadline: float) -> Refreshed:
    using = router.db_for_write(RollupPosition)
    events_using = router.db_for_write(log.model)
    if not sees_the_present(events_using):
        return Refreshed(log.name, 0, is_complete=False)
    target = settled_id(log.model, using=events_using, patience=patience)
    if target is None:
        return Refreshed(log.name, 0, is_complete=False)
    counted, is_done = 0, False
    while not is_done:
        events, is_done = _step(log, target, step, using, events_using)
        counted += events
        if time.monotonic() > deadline:
            break
    return Refreshed(log.name, counted, is_complete=is_done)


def _step(log: Log, target: int, step: int, using: str, events_using: str) -> tuple[int, bool]:
    """One transaction: how many events it counted, and whether the target is reached."""
    with transaction.atomic(using=using):
        position = lock_position(log, using)
        rows = log.model._base_manager.using(events_using).filter(pk__gt=position.last_id, pk__lte=target)
        first = rows.aggregate(Min("pk"))["pk__min"]
        if first is None:
            return 0, True
        last = min(first + step - 1, target)
        counts = count(log, rows.filter(pk__lte=last), Terms(), zone())
        add(with_months(counts), using=using)
        _move_on(position, last)
        return sum(counts[log.rollups[0]].values()), last == target


def lock_position(log: Log, using: str) -> RollupPosition:
    """One transaction at a time moves it; SQLite, which has no row locks, is locked by the write. AnotherTimeZone."""
    positions = RollupPosition.objects.using(using)
    positions.bulk_create([RollupPosition(log=log.name, time_zone=zone_name())], ignore_conflicts=True)
    positions.filter(log=log.name).update(advanced_at=timezone.now())
    position = positions.get(log=log.name)
    if position.time_zone != zone_name():
        raise AnotherTimeZone(
            f'The roll-ups of {log.name} were counted by the days of "{position.time_zone}", and the dashboard is to '
            f'show those of "{zone_name()}". Set ANALYTICS["TIME_ZONE"] back, or run '
            "`manage.py refresh_rollups --rebuild`, which counts anew what is still in the log."
        )
    return position


def _move_on(position: RollupPosition, last: int) -> None:
    position.last_id = last
    position.save(update_fields=["last_id"])


def rebuild() -> None:
    """Forget all roll-ups, to count anew. Raises nothing; what was deleted from the logs meanwhile is not in them."""
    using = router.db_for_write(RollupPosition)
    with transaction.atomic(using=using):
        for log in LOGS:
            positions = RollupPosition.objects.using(using).select_for_update().filter(log=log.name)
            for position in positions:
                position.last_id, position.time_zone = 0, zone_name()
                position.generation += 1
                position.save()
            for model in log.rollups:
                model._base_manager.using(using).all()._raw_delete(using)
