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
