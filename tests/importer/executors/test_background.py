"""Jobs in the background: requested in the admin, run by `manage.py procrastinate worker`."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from cortex.models import User
from importer import ledger, run_import
from importer.conf import conf
from importer.executors import queue
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, MigrationLog
from importer.run.plan import plan
from tests.importer.samples.crm.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_queue() -> Iterator[None]:
    """Empty procrastinate's tables, which Django does not manage; a worker also adds its periodic tasks."""
    empty_queue()
    yield
    empty_queue()


def empty_queue() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def job(folder: Path) -> DataImportJob:
    source = folder / "contacts.csv"
    source.write_text(
        "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
        "1,one@example.com,Ann,User,,02/28/2020,1.5\n2,two@example.com,Bob,User,,02/28/2020,2.5\n"
    )
    return create_job("contacts-insert", str(source))


@pytest.fixture
def clerk() -> User:
    user: User = User.objects.create_user("clerk@example.com", is_staff=True)
    rights = ("view_dataimportjob", "change_dataimportjob", "view_contact", "add_contact")
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return user


def ask_for(job: DataImportJob, user: User, action: str = "run_in_background") -> Any:
    client = Client()
    client.force_login(user)
    address = reverse("admin:importer_dataimportjob_changelist")
    return client.post(address, {"action": action, "_selected_action": [str(job.pk)]}, follow=True)


def work() -> None:
    call_command("procrastinate", "worker", "--one-shot", "--queues", "imports")


def test_the_admin_puts_a_job_into_the_queue(job: DataImportJob, clerk: User) -> None:
    answer = ask_for(job, clerk)
    again = ask_for(job, clerk)

    waiting = ProcrastinateJob.objects.get()  # once
    assert waiting.args == {"job_id": job.pk, "user_id": str(clerk.pk)}
    assert b"1 job queued for the workers" in answer.content
    assert b"No worker is running; start one with `manage.py procrastinate worker`." in answer.content
    assert b"1 job already in the queue" in again.content
    work()
    job.refresh_from_db()
    assert job.status == "completed", job.error
    assert Contact.objects.count() == 2
    assert b"Already completed, not run again" in ask_for(job, clerk).content
    assert (
        b"None of the selected jobs is running or waiting for a worker"
        in ask_for(job, clerk, "ask_to_stop").content
    )


@pytest.mark.parametrize("right", ["change_dataimportjob", "add_contact"])
def test_rights_that_were_withdrawn_meanwhile_count(job: DataImportJob, clerk: User, right: str) -> None:
    ask_for(job, clerk)
    clerk.user_permissions.remove(Permission.objects.get(codename=right))

    work()

    job.refresh_from_db()
    assert job.status == "pending"
    assert "may no longer run this import" in MigrationLog.objects.get(job=job, event="refused").reason


def test_who_may_only_look_is_not_offered_it(job: DataImportJob, clerk: User) -> None:
    clerk.user_permissions.remove(Permission.objects.get(codename="change_dataimportjob"))

    ask_for(job, clerk)

    assert not ProcrastinateJob.objects.exists()


@pytest.mark.parametrize(
    ("spec", "right"), [("contacts-insert", "add_contact"), ("contacts", "change_contact")]
)
def test_who_may_not_write_the_records_does_not_have_them_imported(
    job: DataImportJob, clerk: User, spec: str, right: str
) -> None:
    """A spec that updates also needs the right to change."""
    DataImportJob.objects.update(spec=spec)
    clerk.user_permissions.add(Permission.objects.get(codename="change_contact"))
    clerk.user_permissions.remove(Permission.objects.get(codename=right))

    answer = ask_for(job, clerk)

    assert b"Not run, because you may not write their records" in answer.content
    assert not ProcrastinateJob.objects.exists()


def test_a_job_that_waits_is_taken_back(job: DataImportJob, clerk: User) -> None:
    ask_for(job, clerk)

    answer = ask_for(job, clerk, "ask_to_stop")

    assert b"1 waiting job removed from the queue" in answer.content
    assert ProcrastinateJob.objects.get().status == "cancelled"


def test_a_job_that_was_deleted_meanwhile_fails_no_task(job: DataImportJob, clerk: User) -> None:
    ask_for(job, clerk)
    job.delete()

    work()

    assert ProcrastinateJob.objects.get(queue_name="imports").status == "succeeded"


def test_what_is_rolled_back_is_not_run(job: DataImportJob, clerk: User) -> None:
    with transaction.atomic():
        queue.enqueue_run(job.pk, clerk.pk)
        transaction.set_rollback(True)

    assert not ProcrastinateJob.objects.exists()


def test_without_the_queue_the_executor_says_what_is_missing(job: DataImportJob, settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if not app.startswith("procrastinate")]

    result = run_import(job, executor="workers")

    assert result.status == "failed"
    assert result.reason == (
        'The executor "workers" needs procrastinate: run `pip install "procrastinate[django]"` and add '
        '"procrastinate.contrib.django" to INSTALLED_APPS, or use --executor process.'
    )


def test_a_job_that_somebody_else_runs_is_waited_for(job: DataImportJob, clerk: User) -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [ledger.JOBS, job.pk])
    ask_for(job, clerk)

    work()

    waiting = ProcrastinateJob.objects.get(queue_name="imports")
    assert (waiting.status, waiting.attempts) == ("todo", 1)
    assert waiting.scheduled_at > timezone.now() + dt.timedelta(seconds=30)
    assert MigrationLog.objects.filter(job=job, event="waiting").count() == 1
    other.close()
    call_soon()
    work()
    job.refresh_from_db()
    assert job.status == "completed"
    assert ProcrastinateJob.objects.get(queue_name="imports").status == "succeeded"


def test_a_wish_to_stop_that_came_while_the_worker_was_gone_is_heeded(
    job: DataImportJob, clerk: User
) -> None:
    ask_for(job, clerk)
    DataImportJob.objects.update(status="running")  # as a killed worker leaves it
    assert "will stop after the current batch" in ask_for(job, clerk, "ask_to_stop").content.decode()
    queue.enqueue_run(job.pk, clerk.pk)  # as `retry_stalled` does

    work()

    job.refresh_from_db()
    assert (job.status, Contact.objects.count()) == ("stopped", 0)
    ask_for(job, clerk)
    work()
    job.refresh_from_db()
    assert (job.status, Contact.objects.count()) == ("completed", 2)


def test_an_import_that_kills_its_workers_is_given_up(job: DataImportJob, clerk: User) -> None:
    plan(job)
    DataImportJob.objects.update(status="running")
    ImportChunk.objects.filter(state="pending").update(state="running", attempts=conf.MAX_CHUNK_ATTEMPTS)
    ask_for(job, clerk)

    work()

    job.refresh_from_db()
    assert job.status == "failed"
    assert "failed 5 times without progress" in job.error
    assert run_import(job).status == "completed", "a person's wish is a new chance"


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"BACKGROUND_MAX_ERRORS": 1}, "failed"),
        ({"BACKGROUND_MAX_ERRORS": 2}, "completed"),
        ({"BACKGROUND_MAX_ERRORS": None}, "completed"),
        ({"BACKGROUND_MAX_ERRORS": 1, "MAX_ERRORS": 2}, "completed"),
        ({"BACKGROUND_MAX_ERRORS": 1, "MAX_ERROR_RATE": 1.0}, "completed"),
    ],
)
def test_in_the_background_rejections_have_a_limit_where_the_site_sets_none(
    folder: Path, clerk: User, settings: Any, limits: dict[str, Any], status: str
) -> None:
    (folder / "contacts.csv").write_text("legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\nx\ny\n")
    job = create_job("contacts-insert", str(folder / "contacts.csv"))
    settings.IMPORTER |= limits
    ask_for(job, clerk)

    work()

    job.refresh_from_db()
    assert job.status == status
    if status == "failed":
        assert "2 records were rejected, more than the 1 allowed" in job.error
        assert run_import(job).status == "completed", "a command has no limit of its own"


def call_soon() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now()")
