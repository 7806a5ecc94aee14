"""Scheduled tasks, run by a real worker on the real queue."""

import datetime as dt
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from analytics.models import RollupPosition
from cortex import tasks
from tests.analytics.events import write_logins
from tracking.models import LoginEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


@pytest.fixture(autouse=True)
def _empty_queue() -> Iterator[None]:
    """Empties procrastinate's tables, which Django's test runner does not."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


def work() -> None:
    call_command("procrastinate", "worker", "--one-shot", "--queues", tasks.QUEUE)


def states() -> dict[str, str]:
    return dict(ProcrastinateJob.objects.order_by("id").values_list("task_name", "status"))


@pytest.mark.parametrize(
    "name",
    [
        "refresh_rollups",
        "clean_sessions",
        "clean_spool",
        "prune_events",
        "prune_imports",
        "verify_rollups",
        "drain_events",
        "send_alerts",
        "forget_old_tasks",
    ],
)
def test_each_task_runs_to_its_end(name: str) -> None:
    getattr(tasks, name).defer(timestamp=0)

    work()

    assert states()[f"cortex.tasks.{name}"] == "succeeded"


def test_rollups_are_moved_on() -> None:
    write_logins(50, start=dt.datetime.now(dt.UTC) - dt.timedelta(days=3), days=3)
    tasks.refresh_rollups.defer(timestamp=0)

    work()

    assert RollupPosition.objects.get(log="logins").last_id == LoginEvent.objects.latest("id").pk


def test_a_task_whose_worker_died_is_given_to_another() -> None:
    tasks.refresh_rollups.defer(timestamp=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
        )
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [cursor.fetchone()[0]]
        )
    tasks.retry_stalled.defer(timestamp=0)

    work()

    assert states()["cortex.tasks.refresh_rollups"] == "succeeded"


def test_a_task_whose_successor_waits_already_is_given_up_and_holds_nobody_up() -> None:
    for task in (tasks.refresh_rollups, tasks.prune_events):
        task.defer(timestamp=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
            )
            cursor.execute(
                "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE status = 'todo'",
                [cursor.fetchone()[0]],
            )
    tasks.retry_stalled.defer(timestamp=0)
    tasks.refresh_rollups.defer(timestamp=0)  # the next run
    ours = set(ProcrastinateJob.objects.values_list("id", flat=True))

    work()

    ended = ProcrastinateJob.objects.filter(id__in=ours).order_by("id").values_list("task_name", "status")
    assert [(name.rpartition(".")[2], status) for name, status in ended] == [
        ("refresh_rollups", "aborted"),
        ("prune_events", "succeeded"),
        ("retry_stalled", "succeeded"),
        ("refresh_rollups", "succeeded"),
    ]


def test_old_tasks_are_forgotten_however_they_ended() -> None:
    for status in ("succeeded", "failed", "cancelled", "aborted"):
        tasks.drain_events.defer(timestamp=0)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE status = 'todo'", [status])
            cursor.execute("UPDATE procrastinate_events SET at = at - interval '8 days'")
    old = set(ProcrastinateJob.objects.values_list("id", flat=True))
    tasks.forget_old_tasks.defer(timestamp=0)

    work()

    assert len(old) == 4
    assert not ProcrastinateJob.objects.filter(id__in=old).exists()


def test_all_tasks_of_the_clock_are_registered() -> None:
    scheduled = {task.name.rpartition(".")[2] for task, *_ in _periodic()}

    assert scheduled == {
        "refresh_rollups", "clean_sessions", "clean_spool", "prune_events", "prune_imports", "verify_rollups",
        "drain_events", "send_alerts", "retry_stalled", "forget_old_tasks",
    }  # fmt: skip


def _periodic() -> Iterator[tuple]:  # type: ignore[type-arg]
    for periodic in app.periodic_registry.periodic_tasks.values():
        yield (periodic.task,)
