"""Compares the roll-ups with the events that they were made of, and repairs them.

Only days after `complete_from` are compared; earlier events have been deleted from the log.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import router, transaction

from analytics.calendar import EARLIEST, LATEST, aware, midnight, month_of, next_month, slots_of, stored
from analytics.conf import zone
from analytics.filters import DIMENSIONS
from analytics.models import (
    LoginHour,
    LoginShare,
    LoginSlot,
    Resolution,
    RollupPosition,
    UserRollup,
    UserSketch,
)
from analytics.rollups.count import Counts, Rows, count, day_in_database, monthly, together
from analytics.rollups.logs import LOGS, USERS, Log
from analytics.rollups.refresh import lock_position
from analytics.rollups.sketch import EMPTY, estimate
from analytics.rollups.terms import Terms
from analytics.rollups.upsert import add
from analytics.rollups.verify_users import check_users

DAY = dt.timedelta(days=1)
# How many rows of a roll-up count the same event.
TIMES: dict[Any, int] = {LoginSlot: 4, LoginHour: 4, LoginShare: len(DIMENSIONS)}


@dataclass(frozen=True, slots=True)
class Difference:
    """A day, month or user for whom `table` has `counted` events, but the log (for a month: its days) has `true`.

    `bucket` is the first day, or the key of the user, of whom the first or the latest login may differ as well.
    """

    log: str
    table: str
    resolution: str
    bucket: Any
    counted: int
    true: int


@dataclass(frozen=True, slots=True)
class Verified:
    log: str
    first: dt.date | None
    last: dt.date | None
    events: int
    differences: tuple[Difference, ...]


def verify(
    *, since: dt.date | None = None, until: dt.date | None = None, repair: bool = False
) -> list[Verified]:
    """Compare the days of each log, then the months with their days, and the users. Both ends are inclusive.

    Each day is compared at one moment; a busy log may grow in between. `repair` recounts what differs. Users are
    counted over all days, so they are not compared if a first or last day is given. Raises AnotherTimeZone.
    """
    logs = [_verify_log(log, since, until, repair) for log in LOGS]
    return logs if since or until else [*logs, _verify_users(repair)]


def _verify_users(repair: bool) -> Verified:
    logins, found = check_users(repair=repair)
    table = UserRollup._meta.db_table
    differences = (
        Difference(USERS.name, table, "user", user, *(seen.logins if seen else 0 for seen in pair))
        for user, pair in found.items()
    )
    return Verified(USERS.name, None, None, logins, tuple(differences))


def _verify_log(log: Log, since: dt.date | None, until: dt.date | None, repair: bool) -> Verified:
    days = [day for day in _known_days(log) if (not since or day >= since) and (not until or day <= until)]
    events, differences = 0, []
    for day in days:
        counted, differences_of_day = _check_day(log, day, repair)
        events += counted
        differences += differences_of_day
    for month in sorted({month_of(day) for day in days}):
        differences += _check_month(log, month, repair)
    first, last = (days[0], days[-1]) if days else (None, None)
    return Verified(log.name, first, last, events, tuple(differences))


def _known_days(log: Log) -> list[dt.date]:
    """Return the days in the log or the roll-ups, as far as both are complete."""
    using = router.db_for_write(RollupPosition)
    position = RollupPosition.objects.using(using).filter(log=log.name).first()
    if position is None:
        return []
    events: Any = log.model._base_manager.using(router.db_for_write(log.model))
    cube: Any = log.rollups[0]._base_manager.using(using).filter(resolution=Resolution.DAY)
    logged = events.annotate(day=day_in_database(zone())).order_by().values_list("day", flat=True).distinct()
    counted = cube.order_by().values_list("bucket", flat=True).distinct()
    return sorted(day for day in {*logged, *counted} if _is_complete(day, position))


def _is_complete(day: dt.date, position: RollupPosition) -> bool:
    """Tell whether the log still has all events of a day.

    The first and last days of the calendar never are: they count the events beyond the calendar.
    """
    if not EARLIEST.date() < day < LATEST.date() - DAY:
        return False
    return position.complete_from is None or midnight(day, zone()) >= aware(position.complete_from)


def _check_day(log: Log, day: dt.date, repair: bool) -> tuple[int, list[Difference]]:
    """Compare a day under the lock of the position, so that log and roll-ups are of one moment."""
    using = router.db_for_write(RollupPosition)
    with transaction.atomic(using=using):
        position = lock_position(log, using)
        if not _is_complete(day, position):
            return 0, []  # retention has reached the day since
        true = _true_counts(log, day, position.last_id)
        stored = {model: _stored(model, day, day + DAY, Resolution.DAY, using) for model in log.rollups}
        differences = [
            Difference(
                log.name, model._meta.db_table, "day", day, sum(stored[model].values()), sum(rows.values())
            )
            for model, rows in true.items()
            if _differs(model, stored[model], rows)
        ]
        if differences and repair:
            _replace(true, day, day + DAY, Resolution.DAY, position)
    return sum(true[log.rollups[0]].values()), differences


def _true_counts(log: Log, day: dt.date, last_id: int) -> Counts:
    start, end = stored(midnight(day, zone())), stored(midnight(day + DAY, zone()))
    log_rows: Any = log.model._base_manager.using(router.db_for_write(log.model))
    events = log_rows.filter(pk__lte=last_id, timestamp__gte=start, timestamp__lt=end)
    return count(log, events, Terms(router.db_for_write(RollupPosition)), zone())


def _check_month(log: Log, month: dt.date, repair: bool) -> list[Difference]:
    """Compare a month with the sum of its days."""
    using = router.db_for_write(RollupPosition)
    differences = []
    with transaction.atomic(using=using):
        position = lock_position(log, using)
        for model in log.rollups:
            if model is LoginSlot:
                continue
            days = _stored(model, month, next_month(month), Resolution.DAY, using)
            true = monthly(model, days)
            stored = _stored(model, month, next_month(month), Resolution.MONTH, using)
            if not _differs(model, stored, true):
                continue
            table = model._meta.db_table
            differences.append(
                Difference(log.name, table, "month", month, _sum(model, stored), _sum(model, true))
            )
            if repair:
                _replace({model: true}, month, next_month(month), Resolution.MONTH, position)
    return differences


def _differs(model: type[Any], stored: Rows, true: Rows) -> bool:
    """Tell whether the rows differ. A sketch may count more: users who were erased or deleted since."""
    if model is UserSketch:
        return any(
            together(model, stored.get(key, EMPTY), sketch) != stored.get(key) for key, sketch in true.items()
        )
    return stored != dict(true)


def _replace(
    true: Counts, first: dt.date, end: dt.date, resolution: Resolution, position: RollupPosition
) -> None:
    """Replace the rows, and invalidate cached reports of the old ones in the same transaction."""
    using = str(position._state.db)
    for model in true:
        if model is not UserSketch:
            # Private, as in `refresh.rebuild`. tests/analytics/rollups/test_refresh.py breaks first.
            _of(model, first, end, resolution, using)._raw_delete(using)
    add(true, using=using)
    position.generation += 1
    position.save(update_fields=["generation"])


def _of(model: type[Any], first: dt.date, end: dt.date, resolution: Resolution, using: str) -> Any:
    """Select the rows of a roll-up from `first` (inclusive) to `end` (exclusive)."""
    rows = model._base_manager.using(using)
    if model is LoginSlot:
        low, high = slots_of(first, end - DAY, zone())
        return rows.filter(slot__gte=low, slot__lt=high)
    return rows.filter(resolution=resolution, bucket__gte=first, bucket__lt=end)


def _stored(model: type[Any], first: dt.date, end: dt.date, resolution: Resolution, using: str) -> Rows:
    names = [field.attname for field in model._meta.concrete_fields]
    rows = _of(model, first, end, resolution, using).values_list(*names)
    return {tuple(key): _plain(value) for *key, value in rows.iterator()}


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _sum(model: type[Any], rows: Rows) -> int:
    """Return how many logins or activities the rows count, or an estimate of the users of sketches."""
    if model is UserSketch:
        return sum(map(estimate, rows.values()))
    return sum(rows.values()) // TIMES.get(model, 1)
