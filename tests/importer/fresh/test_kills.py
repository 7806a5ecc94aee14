"""Killed at any moment, a load through a bare copy leaves the table empty or whole; the same command completes it."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.importer.private_site import PrivateSite, workers_of

KILLS = int(os.environ.get("IMPORTER_KILLS", "2"))
pytestmark = pytest.mark.timeout(240 + 20 * KILLS)


@pytest.mark.parametrize("how", ["kill", pytest.param("immediate", marks=pytest.mark.long)])
def test_killed_at_any_moment(private_site: PrivateSite, source: Path, undisturbed: object, how: str) -> None:
    site = private_site
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}")
    randomness = random.Random(seed)
    site.sql("TRUNCATE crm_contact")
    began = time.monotonic()
    job = site.create_job(source)
    site.start("run_import", str(job), "--fresh", "--no-progress", "--workers", "2").wait()
    whole = time.monotonic() - began
    rows = site.sql("SELECT count(*) FROM crm_contact")[0][0]
    assert site.state_of(job) == undisturbed

    for number in range(KILLS):
        site.sql("TRUNCATE crm_contact")
        job = site.create_job(source)
        process = site.start("run_import", str(job), "--fresh", "--no-progress", "--workers", "2")
        # The later moments are those in which indexes are built and the table is exchanged.
        time.sleep(whole * randomness.uniform(0.3, 1.0) if number else whole * 0.8)
        if how == "immediate":
            site.server.restart("immediate")
        else:
            for worker in workers_of(process):
                worker.kill()
            process.kill()
        process.communicate()

        assert site.sql("SELECT count(*) FROM crm_contact")[0][0] in (0, rows)
        if site.sql("SELECT status FROM data_import_jobs WHERE id = %s", job) != [("completed",)]:
            assert site.run(job, "--fresh", "--workers", "2")["status"] == "completed"
        assert site.state_of(job) == undisturbed, f"SEED={seed}"
    assert site.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'importer_fresh%%'") == [(0,)]
