"""Workers on other machines give the same table as one process, also if one is killed or frozen.

Each worker is a process with its own connection. One is killed, one frozen and one added."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.importer.private_site import FREEZABLE, PrivateSite

pytestmark = pytest.mark.timeout(240)
LEASE = {"LEASE_SECONDS": 2}
# The clock of procrastinate's worker puts the site's own tasks into another queue, whichever queue it works on.
ASK_FOR = """
from cortex.models import User
from importer.executors import queue
queue.enqueue_run({job}, User.objects.create_superuser("ann{job}@example.com").pk)
"""
END_HOLDER = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
    WHERE locktype = 'advisory' AND classid::bigint = x'1A9E7B01'::bigint AND objid::bigint = %s
"""
STARTS = "SELECT count(*) FROM data_migration_logs WHERE job_id = %s AND event = 'started'"
BUSY = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = 'imports'"
WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = 'imports'"


@pytest.fixture(scope="module")
def site(private_site: PrivateSite) -> PrivateSite:
    return private_site


@pytest.fixture
def job(site: PrivateSite, source: Path, undisturbed: object) -> Iterator[int]:
    site.sql("TRUNCATE crm_contact")
    site.sql("TRUNCATE procrastinate_jobs CASCADE")  # another test's tasks would be worked on as well
    site.importer = LEASE
    yield site.create_job(source)
    site.kill_all()
    site.importer = {}


@pytest.fixture
def machine(site: PrivateSite, job: int) -> Callable[..., "subprocess.Popen[str]"]:
    """Start a worker as on another machine."""

    def start(*options: str) -> "subprocess.Popen[str]":
        return site.start("procrastinate", "worker", "--queues", "imports", "--concurrency", "1", *options)

    return start


def worked(site: PrivateSite, job: int) -> int:
    """Return how many workers have had chunks of the job so far."""
    sql = "SELECT count(DISTINCT lease_owner) FROM data_import_chunks WHERE job_id = %s AND lease_owner <> ''"
    return int(site.sql(sql, job)[0][0])


def begin(site: PrivateSite, job: int, *options: str) -> "subprocess.Popen[str]":
    return site.start("run_import", str(job), "--executor", "workers", "--no-progress", *options)


@pytest.mark.long  # the next test has three machines make it, although one is killed and one frozen
def test_two_machines_make_the_table_that_one_process_makes(
    site: PrivateSite,
    job: int,
    machine: Callable[[], object],
    undisturbed: object,
) -> None:
    machine()
    machine()

    _, err = (process := begin(site, job)).communicate(timeout=90)

    assert process.returncode == 0, err
    assert worked(site, job) >= 2
    assert site.state_of(job) == undisturbed


def test_one_is_killed_one_frozen_and_one_added(
    site: PrivateSite,
    job: int,
    machine: Callable[[], "subprocess.Popen[str]"],
    undisturbed: object,
) -> None:
    site.importer = FREEZABLE | LEASE
    killed, frozen = machine(), machine()
    process = begin(site, job)
    assert site.wait_for_batches(job, 2, process)

    killed.kill()
    added = machine()
    site.freeze_until_replaced(job, frozen.pid)
    frozen.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=120)

    assert process.returncode == 0, err
    assert added.poll() is None
    assert site.lost_leases(job) >= 1
    assert site.state_of(job) == undisturbed


@pytest.mark.long  # test_kills.py has the shorter twin, of a run on one machine
def test_without_its_coordinator_the_same_command_goes_on(
    site: PrivateSite,
    job: int,
    machine: Callable[[], object],
    undisturbed: object,
) -> None:
    machine()
    process = begin(site, job)
    assert site.wait_for_batches(job, 2, process)
    process.kill()
    process.communicate()

    _, err = (again := begin(site, job)).communicate(timeout=120)

    assert again.returncode == 0, err
    assert site.state_of(job) == undisturbed


@pytest.mark.long  # test_kills.py has the shorter twin, of a run on one machine
def test_sigterm_stops_the_machines_after_the_batch_in_hand(
    site: PrivateSite,
    job: int,
    machine: Callable[[], object],
    undisturbed: object,
) -> None:
    machine()
    process = begin(site, job)
    assert site.wait_for_batches(job, 2, process)

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    stopped_at = site.committed(job)
    time.sleep(1)

    assert process.returncode == 3, err
    assert site.committed(job) == stopped_at
    assert site.sql(WAITING)[0][0] == 0
    _, err = (again := begin(site, job)).communicate(timeout=120)
    assert again.returncode == 0, err
    assert site.state_of(job) == undisturbed


def test_what_fails_on_a_machine_is_told_where_the_job_was_started(
    site: PrivateSite,
    job: int,
    machine: Callable[[], object],
    source: Path,
) -> None:
    machine()
    process = begin(site, job)
    assert site.wait_for_batches(job, 1, process)
    hidden = source.with_suffix(".elsewhere")
    source.rename(hidden)
    try:
        _, err = process.communicate(timeout=90)
    finally:
        hidden.rename(source)

    assert process.returncode == 1
    assert "CommandError: On " in err
    assert "contacts.csv" in err
    assert "Traceback" not in err


@pytest.mark.long
def test_a_coordinator_that_lost_its_job_leaves_its_successor_alone(
    site: PrivateSite,
    job: int,
    machine: Callable[[], object],
    undisturbed: object,
) -> None:
    site.importer = FREEZABLE | LEASE
    machine()
    asleep = begin(site, job)
    assert site.wait_for_batches(job, 2, asleep)
    asleep.send_signal(signal.SIGSTOP)
    site.sql(END_HOLDER, job)
    successor = begin(site, job)
    while site.sql(STARTS, job)[0][0] < 2:
        assert successor.poll() is None
        time.sleep(0.02)

    asleep.send_signal(signal.SIGCONT)
    _, lost = asleep.communicate(timeout=60)
    _, err = successor.communicate(timeout=120)

    assert (asleep.returncode, successor.returncode) == (1, 0), lost + err
    assert "is already running" in lost
    assert site.state_of(job) == undisturbed


@pytest.mark.parametrize("thought_dead", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_job_in_the_background_outlives_the_worker_that_is_shut_down(
    site: PrivateSite,
    job: int,
    machine: Callable[..., "subprocess.Popen[str]"],
    undisturbed: object,
    thought_dead: bool,
) -> None:
    site.shell.output_of("shell", "-v", "0", "-c", ASK_FOR.format(job=job))
    first = machine("--shutdown-graceful-timeout", "0.2")
    assert site.wait_for_batches(job, 2, first)

    if thought_dead:  # as `retry_stalled` does, when a worker in its shutdown is not heard of any more
        site.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)

    assert site.sql("SELECT status FROM data_import_jobs WHERE id = %s", job) == [("stopped",)]
    assert site.sql(WAITING)[0][0] == 1
    machine()
    deadline = time.monotonic() + 90
    while site.sql("SELECT status FROM data_import_jobs WHERE id = %s", job) != [("completed",)]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert site.state_of(job) == undisturbed


@pytest.mark.long
def test_a_job_in_the_background_outlives_a_database_that_is_away(
    site: PrivateSite,
    job: int,
    machine: Callable[..., "subprocess.Popen[str]"],
    undisturbed: object,
) -> None:
    site.importer = LEASE | {"RETRY_SECONDS": 1}
    site.shell.output_of("shell", "-v", "0", "-c", ASK_FOR.format(job=job))
    first = machine()
    assert site.wait_for_batches(job, 2, first)

    site.server.stop("fast")
    time.sleep(5)
    site.server.start()
    deadline = time.monotonic() + 30
    while site.sql(BUSY)[0][0] and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    site.kill_all()
    # What `retry_stalled` does after a while, and time.
    site.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
    site.sql("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
    machine()

    deadline = time.monotonic() + 60
    while site.sql("SELECT status FROM data_import_jobs WHERE id = %s", job) != [("completed",)]:
        assert time.monotonic() < deadline, site.sql("SELECT id, status, attempts FROM procrastinate_jobs")
        time.sleep(0.1)
    assert site.state_of(job) == undisturbed
