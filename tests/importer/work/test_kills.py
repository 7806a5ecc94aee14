"""After any kill the same command completes the job, and the table equals that of an undisturbed run."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.importer.private_site import PrivateSite, workers_of

CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
KILLS = int(os.environ.get("IMPORTER_KILLS", "2"))
pytestmark = pytest.mark.timeout(120 + 20 * KILLS)


@pytest.fixture(scope="module")
def site(private_site: PrivateSite) -> PrivateSite:
    return private_site


@pytest.fixture
def job(site: PrivateSite, source: Path, undisturbed: object) -> Iterator[int]:
    site.sql("TRUNCATE crm_contact")
    yield site.create_job(source)
    site.kill_all()
    site.importer = {}


def finish(site: PrivateSite, job: int, *options: str) -> None:
    result = site.run(job, "--workers", "2", *options)
    fates = ("inserted", "updated", "unchanged", "skipped", "rejected")
    assert result["status"] == "completed"
    assert result["read"] == sum(result[fate] for fate in fates)


@pytest.mark.parametrize(
    "options", [("--workers", "2"), pytest.param(("--workers", "4"), marks=pytest.mark.long)], ids="-".join
)
def test_workers_make_the_table_that_one_alone_makes(
    site: PrivateSite, job: int, undisturbed: object, options: tuple[str, ...]
) -> None:
    site.run(job, *options)

    assert site.state_of(job) == undisturbed


def test_killed_again_and_again_it_ends_as_if_undisturbed(
    site: PrivateSite, source: Path, undisturbed: object
) -> None:
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}")
    randomness = random.Random(seed)
    kills = 0
    while kills < KILLS:
        site.sql("TRUNCATE crm_contact")
        job = site.create_job(source)
        kills += kill_until_done(site, job, randomness, most=KILLS - kills)
        finish(site, job)

        assert site.state_of(job) == undisturbed, f"SEED={seed} job {job} after {kills} kills"


@pytest.mark.long
def test_several_files_end_as_one_whatever_is_killed(
    site: PrivateSite, source: Path, undisturbed: tuple[object, list[int]]
) -> None:
    header, *lines = source.read_text().splitlines(keepends=True)
    folder = source.parent / "parts"
    folder.mkdir(exist_ok=True)
    size = len(lines) // 3 + 1
    for number in range(3):
        text = header + "".join(lines[number * size : (number + 1) * size])
        (folder / f"{number}.csv").write_text(text)
    site.sql("TRUNCATE crm_contact")
    job = site.create_job(folder / "*.csv")

    kill_until_done(site, job, random.Random(2), most=1)
    finish(site, job)

    table, rejected = undisturbed
    # Each file after the first has a header of its own, which counts as a line.
    assert site.state_of(job) == (table, [line + (line - 2) // size for line in rejected])


def kill_until_done(site: PrivateSite, job: int, randomness: random.Random, *, most: int) -> int:
    kills = 0
    for _ in range(min(most, 6)):
        victim = randomness.choice(["coordinator", "worker", "both", "inline"])
        options = ("--executor", "inline") if victim == "inline" else ("--workers", "2")
        process = site.start("run_import", str(job), "--no-progress", *options)
        if not site.wait_for_batches(job, site.committed(job), process):
            process.wait()
            break
        time.sleep(randomness.uniform(0, 0.4))
        kills += kill(process, victim)
        process.communicate()
    return kills


def kill(process: "subprocess.Popen[str]", victim: str) -> int:
    """Kill with -9, and return how many processes were killed (0 if all had ended)."""
    workers = workers_of(process) if victim in ("worker", "both") else []
    if process.poll() is not None:
        return 0
    for worker in workers[: 1 if victim == "worker" else None]:
        worker.kill()
    if victim != "worker":
        process.kill()
        return 1
    process.wait()  # the coordinator replaces its worker, and carries the job to its end
    return 1 if workers else 0


def test_sigterm_stops_after_the_batch_in_hand(site: PrivateSite, job: int, undisturbed: object) -> None:
    process = site.start("run_import", str(job), "--no-progress", "--workers", "2")
    assert site.wait_for_batches(job, 2, process)

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 3
    assert f"`run_import {job}` resumes it" in err
    finish(site, job)
    assert site.state_of(job) == undisturbed


@pytest.mark.long  # test_leases.py has the shorter twin, which proves in addition that the lease was lost
def test_a_frozen_worker_is_replaced_and_cannot_write_any_more(
    site: PrivateSite, job: int, undisturbed: object
) -> None:
    site.importer = {"LEASE_SECONDS": 1}
    process = site.start("run_import", str(job), "--no-progress", "--workers", "2")
    assert site.wait_for_batches(job, 2, process)
    frozen = workers_of(process)[0]

    frozen.suspend()
    time.sleep(2.5)
    frozen.resume()
    process.communicate(timeout=60)

    assert process.returncode == 0
    assert site.state_of(job) == undisturbed


def test_cut_connections_are_made_again(site: PrivateSite, job: int, undisturbed: object) -> None:
    process = site.start("run_import", str(job), "--no-progress", "--workers", "2")
    for _ in range(5):
        site.wait_for_batches(job, site.committed(job), process)
        site.sql(CUT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert site.state_of(job) == undisturbed


# A fast restart ends connections as `test_cut_connections_are_made_again` does, and comes back as after a crash.
@pytest.mark.parametrize("mode", [pytest.param("fast", marks=pytest.mark.long), "immediate"])
def test_a_database_that_restarts_is_waited_for(
    site: PrivateSite, job: int, undisturbed: object, mode: str
) -> None:
    process = site.start("run_import", str(job), "--no-progress", "--workers", "2")
    assert site.wait_for_batches(job, 3, process)

    site.server.restart(mode)  # type: ignore[arg-type]
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert site.state_of(job) == undisturbed


def test_only_one_of_two_runs_gets_the_job(site: PrivateSite, job: int) -> None:
    first = site.start("run_import", str(job), "--no-progress")
    second = site.start("run_import", str(job), "--no-progress")
    errors = [process.communicate(timeout=60)[1] for process in (first, second)]

    assert sorted(process.returncode for process in (first, second)) == [0, 1]
    assert any("is already running" in err for err in errors)
