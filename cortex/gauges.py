"""What `/metrics` tells of the database: a query each, over indexes, with labels of which there are few."""

from collections.abc import Iterator

from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client.core import GaugeMetricFamily, Metric

from analytics.open_sessions import count_all_open
from analytics.positions import positions
from analytics.tail import events_behind
from importer.models import DataImportJob
from tracking import spool


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
        "cortex_spool_waiting", "1: events wait on this machine for the database to take them."
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
    """Finished tasks are not counted: there are as many as there were minutes."""
    tasks = GaugeMetricFamily("cortex_tasks", "Tasks of the queue.", labels=["queue", "status"])
    rows = ProcrastinateJob.objects.filter(status__in=("todo", "doing", "failed")).order_by()
    for name, status, number in rows.values_list("queue_name", "status").annotate(number=Count("id")):
        tasks.add_metric([name, status], number)
    yield tasks
