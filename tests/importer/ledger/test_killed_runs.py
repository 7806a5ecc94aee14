"""Killed runs are counted, also before their plan, and a job that keeps killing its worker fails."""

from pathlib import Path
from typing import Any

import pytest

from importer import run_import
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, MigrationLog
from importer.run.plan import plan
from tests.importer.private_site import PrivateSite

GOOD = "code,name\nA,Ann\nB,Bob\n"
# Start workers until none is killed. `retry_stalled` is what the schedule runs a minute after a worker's death.
WORK = """
import asyncio, subprocess, sys
from cortex import tasks
from cortex.models import User
from importer.executors import queue
from importer.models import DataImportJob

def work():
    worker = [sys.executable, "-m", "django", "procrastinate", "worker", "--one-shot", "--queues", "imports"]
    return subprocess.run([*worker, "--concurrency", "1"], capture_output=True).returncode

def status(job):
    return DataImportJob.objects.get(pk=job).status

ann = User.objects.create_superuser("ann@deaths.example.com")
tasks.STALLED_SECONDS = 0.0
for job in ({deadly}, {other}):
    queue.enqueue_run(job, ann.pk)
print(work(), status({deadly}), status({other}))
print(work(), status({deadly}), status({other}))
for _ in range(5):
    asyncio.run(tasks.retry_stalled.func(0))
    print(work(), status({deadly}), status({other}))
"""


@pytest.fixture
def job(folder: Path) -> DataImportJob:
    source = folder / "companies.csv"
    source.write_text(GOOD)
    return create_job("companies", str(source))


def died(job: DataImportJob, **values: Any) -> DataImportJob:
    """The job as a killed run leaves it."""
    DataImportJob.objects.filter(pk=job.pk).update(status="running", runner="elsewhere:7", **values)
    return DataImportJob.objects.get(pk=job.pk)


@pytest.mark.django_db(transaction=True)
def test_the_fifth_death_before_a_batch_fails_the_job_and_says_why(job: DataImportJob) -> None:
    result = run_import(died(job, deaths=4))

    job.refresh_from_db()
    assert (job.status, job.deaths, result.status) == ("failed", 5, "failed")
    assert job.error == result.reason
    assert job.error == (
        "The run was killed 5 times before it committed a batch, the last time on elsewhere:7, most likely because it "
        "ran out of memory. See the worker's log; run the same command again to retry."
    )
    assert "elsewhere:7 was killed (5 of 5" in MigrationLog.objects.get(job=job, event="died").reason
    assert run_import(job).status == "completed", "asked for again, it has another chance"
    job.refresh_from_db()
    assert job.deaths == 0


@pytest.mark.django_db(transaction=True)
def test_a_run_that_died_less_often_goes_on(job: DataImportJob) -> None:
    result = run_import(died(job, deaths=3))

    job.refresh_from_db()
    assert (result.status, job.deaths) == ("completed", 4)


@pytest.mark.django_db(transaction=True)
def test_a_death_after_a_batch_counts_from_nought(job: DataImportJob) -> None:
    plan(job)
    ImportChunk.objects.filter(job=job, number=0).update(batches=1)

    result = run_import(died(job, deaths=4, batches=0))

    job.refresh_from_db()
    assert (result.status, job.deaths, job.batches) == ("completed", 0, 2)


def test_a_job_that_kills_its_worker_is_given_up_and_others_go_on_meanwhile(
    private_site: PrivateSite,
) -> None:
    source = private_site.folder / "deadly.csv"
    source.write_text(GOOD)
    private_site.sql("TRUNCATE procrastinate_jobs CASCADE")
    deadly = private_site.create_job(source, "companies-deadly")
    other = private_site.create_job(source, "companies")

    said = private_site.manage("shell", "-v", "0", "-c", WORK.format(deadly=deadly, other=other))

    assert said.splitlines() == [
        "-9 running pending",
        "0 running completed",
        *["-9 running completed"] * 4,
        "0 failed completed",
    ]
    assert (
        "was killed 5 times before it committed a batch"
        in private_site.sql("SELECT error FROM data_import_jobs WHERE id = %s", deadly)[0][0]
    )
    assert (
        private_site.sql("SELECT status FROM procrastinate_jobs WHERE queue_name = 'imports'")
        == [("succeeded",)] * 2
    )
    private_site.sql("DELETE FROM crm_company WHERE length(code) = 1")
