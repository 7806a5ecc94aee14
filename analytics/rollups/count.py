"""Counts events of a log into rows of its roll-ups, with a few GROUP BYs over a range of ids."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Count, DateTimeField, Func, IntegerField, Value
from django.db.models.functions import Greatest, Least, TruncDate

from analytics.calendar import EARLIEST, LATEST, local, month_of, stored
from analytics.filters import DIMENSIONS
from analytics.models import (
    ActivityCube,
    LoginCube,
    LoginHour,
    LoginShare,
    LoginSlot,
    Resolution,
    UserSketch,
)
from analytics.rollups.logs import ACTIVITIES, LOGINS, Log
from analytics.rollups.sketch import joined, sketch_of
from analytics.rollups.terms import ANY, Terms

# The primary key of a roll-up's row → a number, or a sketch.
Rows = dict[tuple[Any, ...], Any]
Counts = dict[type[Any], Rows]


class Slot(Func):
    """The slot of 15 minutes that a moment is in, as `LoginSlot.slot`."""

    arity = 1
    output_field: ClassVar[Any] = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Without USE_TZ the moment is local time in the zone of the connection.
        moment = "%(expressions)s" if settings.USE_TZ else "(%(expressions)s)::timestamp"
        template = f"FLOOR(EXTRACT(EPOCH FROM {moment}) / 900)::integer"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Whole seconds, because SQLite would round up a fraction.
        template = "CAST(FLOOR(STRFTIME('%%%%s', SUBSTR(%(expressions)s, 1, 19)) / 900.0) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, **context)


def count(log: Log, events: Any, terms: Terms, zone: dt.tzinfo) -> Counts:
    """Count what these events add to the days of each roll-up; `with_months` then adds the months.

    Gives numbers to new terms, so it must run in a transaction.
    """
    terms.add(_values(log, events))
    if log is LOGINS:
        return _count_logins(events, terms, zone)
    return _count_activities(events, terms, zone)


def _values(log: Log, events: Any) -> dict[str, Iterable[str]]:
    values_by_kind: dict[str, set[str]] = {kind: set() for kind in log.dimensions}
    combinations = events.order_by().values_list(*log.dimensions.values()).distinct()
    for values in combinations:
        for kind, value in zip(log.dimensions, values, strict=True):
            values_by_kind[kind].add(value)
    return dict(values_by_kind)


def _within_calendar() -> Least:
    """Limit the timestamp to days that exist in every zone, so that a wrong clock cannot stop the counting."""
    ends = (Value(stored(end), output_field=DateTimeField()) for end in (EARLIEST, LATEST))
    return Least(Greatest("timestamp", next(ends)), next(ends))


def day_in_database(zone: dt.tzinfo) -> TruncDate:
    return TruncDate(_within_calendar(), tzinfo=zone)


def _count_logins(events: Any, terms: Terms, zone: dt.tzinfo) -> Counts:
    slots: Rows = Counter()
    hours: Rows = Counter()
    cube: Rows = Counter()
    narrow = ("success", "login_method", "device_type")
    for slot, success, method, device, logins in _grouped(
        events.annotate(slot=Slot(_within_calendar())), "slot", *narrow
    ):
        begins = local(slot, zone)
        hour = (begins.date(), begins.weekday(), begins.hour, success)
        for numbers in product((terms.number("method", method), ANY), (terms.number("device", device), ANY)):
            slots[*numbers, slot, success] += logins
            hours[Resolution.DAY, *numbers, *hour] += logins
    days = events.annotate(day=day_in_database(zone))
    for day, success, *values, logins in _grouped(days, "day", "success", *LOGINS.dimensions.values()):
        cube[Resolution.DAY, day, success, *_numbers(LOGINS, values, terms)] += logins
    sketches = _sketches(days)
    return {
        LoginSlot: slots, LoginHour: hours, LoginCube: cube, LoginShare: _shares(cube), UserSketch: sketches,
    }  # fmt: skip


def _shares(cube: Rows) -> Rows:
    shares: Rows = Counter()
    places = [DIMENSIONS.index(name) for name in LOGINS.dimensions]
    for (resolution, day, success, *numbers), logins in cube.items():
        shares[resolution, day, DIMENSIONS.index("outcome"), int(success), success] += logins
        for place, number in zip(places, numbers, strict=True):
            shares[resolution, day, place, number, success] += logins
    return shares


def _sketches(days: Any) -> Rows:
    users: dict[dt.date, set[Any]] = defaultdict(set)
    logins = days.filter(success=True, user__isnull=False).order_by()
    for day, user_id in logins.values_list("day", "user_id").distinct():
        users[day].add(user_id)
    return {(Resolution.DAY, day): sketch_of(user_ids) for day, user_ids in users.items()}


def _count_activities(events: Any, terms: Terms, zone: dt.tzinfo) -> Counts:
    cube: Rows = Counter()
    days = events.annotate(day=day_in_database(zone))
    for day, *values, activities in _grouped(days, "day", *ACTIVITIES.dimensions.values()):
        cube[Resolution.DAY, day, *_numbers(ACTIVITIES, values, terms)] += activities
    return {ActivityCube: cube}


def _numbers(log: Log, values: Iterable[str], terms: Terms) -> tuple[int, ...]:
    return tuple(terms.number(kind, value) for kind, value in zip(log.dimensions, values, strict=True))


def _grouped(events: Any, *columns: str) -> Iterator[tuple[Any, ...]]:
    rows = events.order_by().values_list(*columns).annotate(events=Count("pk"))
    return iter(rows.iterator(chunk_size=10_000))


def with_months(counts: Counts) -> Counts:
    """Return the rows of the days, and of the months that they add to. Slots have no months."""
    return {
        model: rows if model is LoginSlot else rows | monthly(model, rows) for model, rows in counts.items()
    }


def monthly(model: type[Any], days: Rows) -> Rows:
    months: Rows = {}
    place = bucket_place(model)
    for key_of_day, value in days.items():
        key = (Resolution.MONTH, *key_of_day[1:place], month_of(key_of_day[place]), *key_of_day[place + 1 :])
        months[key] = together(model, months[key], value) if key in months else value
    return months


def bucket_place(model: type[Any]) -> int:
    """Return the place of the bucket in the key of a roll-up."""
    return [field.attname for field in model._meta.concrete_fields].index("bucket")


def together(model: type[Any], one: Any, other: Any) -> Any:
    """Combine two rows with the same key: the sum of their counts, or the sketch of the users of both."""
    return joined([one, other]) if model is UserSketch else one + other
