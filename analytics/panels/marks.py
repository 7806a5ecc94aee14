"""Reads what is marked on the time axis: alerts, and import jobs that ended."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from analytics.calendar import midnight, stored
from analytics.conf import conf, zone, zone_name
from analytics.period import DAY, Period
from analytics.reports.cached import cached
from analytics.rights import Rights
from tracking.models import SecurityAlert

Severity = SecurityAlert.Severity
# New devices are not marked: there are some on every day.
MARKED = tuple(
    kind for kind in SecurityAlert.Kind.values if SecurityAlert(kind=kind).severity is not Severity.LOW
)
ENDED = ("completed", "failed", "stopped")
# The newest of a period that are marked; during an attack there may be thousands.
MOST_ALERTS, MOST_JOBS = 500, 100


@dataclass(frozen=True, slots=True)
class MarkedAlert:
    id: int
    kind: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class MarkedJob:
    """An import job with the moment at which it ended. `status` is one of ENDED."""

    id: int
    name: str
    status: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Marks:
    """The alerts and import jobs of a period, the newest first, that the time axis marks.

    is_full  there may be more alerts than these
    """

    alerts: tuple[MarkedAlert, ...] = ()
    jobs: tuple[MarkedJob, ...] = ()
    is_full: bool = False


def marks(period: Period, user: Any, rights: Rights) -> Marks:
    """Return what this user may see of a period. Alerts come from a cache of REFRESH_SECONDS."""
    alerts: tuple[MarkedAlert, ...] = ()
    if rights.alerts:
        name = f"marks:{period.first}:{period.last}:{zone_name()}"
        alerts = cached(name, lambda: _alerts(period), _unpacked, conf.REFRESH_SECONDS)
    return Marks(alerts, _jobs(period, user) if rights.imports else (), len(alerts) >= MOST_ALERTS)


def _alerts(period: Period) -> list[list[Any]]:
    start, end = _bounds(period)
    rows = SecurityAlert.objects.filter(kind__in=MARKED, timestamp__gte=start, timestamp__lt=end)
    newest = rows.order_by("-timestamp", "-id").values_list("id", "kind", "timestamp")[:MOST_ALERTS]
    return [[key, kind, at.isoformat()] for key, kind, at in newest]


def _unpacked(data: list[Any]) -> tuple[MarkedAlert, ...]:
    return tuple(MarkedAlert(key, kind, dt.datetime.fromisoformat(at)) for key, kind, at in data)


def _jobs(period: Period, user: Any) -> tuple[MarkedJob, ...]:
    """Return the jobs of the importer that the user may see. There are so few that no index is needed."""
    from importer.rights import visible_jobs

    start, end = _bounds(period)
    ended = visible_jobs(user).filter(status__in=ENDED, finished_at__gte=start, finished_at__lt=end)
    rows = ended.order_by("-created_at").values_list("id", "name", "spec", "status", "finished_at")[
        :MOST_JOBS
    ]
    return tuple(MarkedJob(key, name or spec, status, at) for key, name, spec, status, at in rows if at)


def _bounds(period: Period) -> tuple[dt.datetime, dt.datetime]:
    return stored(midnight(period.first, zone())), stored(midnight(period.last + DAY, zone()))
