"""Computes reports by reading every event, independently of the app."""

import datetime as dt
from collections import Counter
from typing import Any

from analytics.filters import DIMENSIONS, Filters
from analytics.period import Period
from tracking.models import ActivityLog, LoginEvent

COLUMNS = {
    "method": "login_method",
    "device": "device_type",
    "browser": "browser",
    "os": "os",
    "reason": "failure_reason",
}


def logins_of(period: Period, zone: dt.tzinfo, filters: Filters, *, but: str = "") -> list[LoginEvent]:
    """Select the events of a period under all filters except one."""
    wanted = {name: value for name, value in filters.active.items() if name != but}
    return [
        event
        for event in LoginEvent.objects.all()
        if period.first <= event.timestamp.astimezone(zone).date() <= period.last
        and all(value_of(event, name) == value for name, value in wanted.items())
    ]


def value_of(event: LoginEvent, dimension: str) -> str:
    if dimension == "outcome":
        return "success" if event.success else "failure"
    return str(getattr(event, COLUMNS[dimension]))


def totals(period: Period, zone: dt.tzinfo, filters: Filters) -> tuple[int, int]:
    found = logins_of(period, zone, filters)
    return sum(event.success for event in found), sum(not event.success for event in found)


def shares(period: Period, zone: dt.tzinfo, filters: Filters) -> dict[str, dict[str, tuple[int, int]]]:
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for name in DIMENSIONS:
        events = logins_of(period, zone, filters, but=name)
        logins = Counter(value_of(event, name) for event in events)
        failures = Counter(value_of(event, name) for event in events if not event.success)
        found[name] = {value: (number, failures[value]) for value, number in logins.items()}
    return found


def hours(period: Period, zone: dt.tzinfo, filters: Filters) -> Counter[tuple[int, int, bool]]:
    moments = [(e.timestamp.astimezone(zone), e.success) for e in logins_of(period, zone, filters)]
    return Counter((moment.weekday(), moment.hour, success) for moment, success in moments)


def actions(period: Period, zone: dt.tzinfo) -> Counter[str]:
    found: Any = ActivityLog.objects.all()
    return Counter(
        e.action for e in found if period.first <= e.timestamp.astimezone(zone).date() <= period.last
    )


Entry = tuple[dt.date, Any, dt.datetime]


def entries(zone: dt.tzinfo) -> list[Entry]:
    """Return day, user and moment of each successful login of a known user."""
    found: Any = LoginEvent.objects.filter(success=True, user__isnull=False)
    return [(e.timestamp.astimezone(zone).date(), e.user_id, e.timestamp) for e in found]


def users_of(period: Period, found: list[Entry]) -> set[Any]:
    return {user for day, user, _moment in found if day in period}


def new_users_of(period: Period, found: list[Entry]) -> set[Any]:
    before = {user for day, user, _moment in found if day < period.first}
    return users_of(period, found) - before


def seen() -> dict[Any, tuple[dt.datetime, dt.datetime, int]]:
    """Return the first and the latest login of each user, and how many there were."""
    moments: dict[Any, list[dt.datetime]] = {}
    for _day, user, moment in entries(dt.UTC):
        moments.setdefault(user, []).append(moment)
    return {user: (min(at), max(at), len(at)) for user, at in moments.items()}
