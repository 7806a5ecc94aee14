"""Collects the metrics that come from the database: an indexed query each, with few labels."""

import datetime as dt
from collections.abc import Iterator

from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob, ProcrastinateWorker
from prometheus_client.core import GaugeMetricFamily, Metric

from analytics.panels.sessions import count_all_open
from analytics.reports.tail import events_behind
from analytics.rollups.positions import positions
from importer.models import DataImportJob
from tracking.storage import spool

# A failure is reported for so long; a scheduled task has run again many times by then.
FAILURE_COUNTS_FOR = dt.timedelta(days=1)
HEARTBEAT = dt.timedelta(minutes=1)


def rollups() -> Iterator[Metric]:
    behind = GaugeMetricFamily("cortex_rollups_behind_events", "Events that are in no roll-up yet.")
    behind.add_metric([], events_behind(positions()))
    yield behind


def sessions() -> Iterator[Metric]:
    number = GaugeMetricFamily("cortex_open_sessions", "Sessions that are open.")
    number.add_metric([], count_all_open())
    yield number


def spooled() -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "cortex_spool_waiting", "1: events in this machine's spool are not in the database yet."
    )
    waiting.add_metric([], 0 if spool.is_empty() else 1)
    yield waiting


def imports() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("cortex_import_jobs", "Import jobs.", labels=["status"])
    counted = DataImportJob.objects.order_by().values_list("status").annotate(Count("pk"))
    for status, number in counted:
        jobs.add_metric([status], number)
    yield jobs


def queue() -> Iterator[Metric]:
    """Does not count finished tasks: there is one for every minute."""
    tasks = GaugeMetricFamily(
        "cortex_tasks", "Tasks of the queue; failed ones of the last 24 hours.", labels=["queue", "status"]
    )
    open_tasks = ProcrastinateJob.objects.filter(status__in=("todo", "doing"))
    for rows in (open_tasks, failed_tasks()):
        counted = rows.order_by().values_list("queue_name", "status").annotate(number=Count("id"))
        for name, status, number in counted:
            tasks.add_metric([name, status], number)
    yield tasks
    waiting = GaugeMetricFamily(
        "cortex_tasks_waiting_seconds",
        "How long the queue's first task has been waiting for a worker.",
        labels=["queue"],
    )
    for name, since in waiting_since().items():
        waiting.add_metric([name], (timezone.now() - since).total_seconds())
    yield waiting
    workers = GaugeMetricFamily("cortex_workers", "Workers with a heartbeat in the last minute.")
    workers.add_metric([], living_workers().count())
    yield workers


def waiting_since() -> dict[str, dt.datetime]:
    """Returns queue → when its oldest waiting task was queued."""
    waiting = ProcrastinateEvent.objects.filter(type="deferred", job__status="todo", job__scheduled_at=None)
    return dict(waiting.order_by().values_list("job__queue_name").annotate(since=Min("at")))


def living_workers() -> QuerySet[ProcrastinateWorker]:
    return ProcrastinateWorker.objects.filter(last_heartbeat__gte=timezone.now() - HEARTBEAT)


def failed_tasks() -> QuerySet[ProcrastinateJob]:
    """Tasks that failed in the last 24 hours. Older failures stay for people to read, and raise no alarm."""
    since = timezone.now() - FAILURE_COUNTS_FOR
    failed = ProcrastinateEvent.objects.filter(type="failed", at__gte=since)
    return ProcrastinateJob.objects.filter(status="failed", pk__in=failed.values("job"))
