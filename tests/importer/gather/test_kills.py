"""Killed at any moment, a job whose records are gathered ends as if undisturbed."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.importer.private_site import PrivateSite
from tests.importer.work.test_kills import kill

KILLS = int(os.environ.get("IMPORTER_KILLS", "3"))
pytestmark = pytest.mark.timeout(240 + 20 * KILLS)
# An index of which the model knows nothing, so that no survey can tell which records meet.
HIDDEN = "CREATE UNIQUE INDEX hidden ON crm_contact ((legacy_id + 0))"
LEFT = "SELECT relname FROM pg_class WHERE relname LIKE 'importer_gathered%%'"


@pytest.fixture
def site(private_site: PrivateSite, undisturbed: object) -> Iterator[PrivateSite]:
    private_site.sql("TRUNCATE crm_contact")
    private_site.sql(HIDDEN)
    yield private_site
    private_site.kill_all()
    private_site.sql("DROP INDEX hidden")


@pytest.mark.parametrize("how", ["kill", pytest.param("immediate", marks=pytest.mark.long)])
def test_killed_at_any_moment(site: PrivateSite, source: Path, undisturbed: object, how: str) -> None:
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}")
    randomness = random.Random(seed)
    began = time.monotonic()
    job = site.create_job(source)
    site.start("run_import", str(job), "--no-progress", "--workers", "2").wait()
    whole = time.monotonic() - began
    assert site.state_of(job) == undisturbed
    assert (
        site.sql("SELECT count(*) FROM data_migration_logs WHERE job_id = %s AND event = 'gathered'", job)[0][
            0
        ]
        == 3
    )

    for _ in range(KILLS):
        site.sql("TRUNCATE crm_contact")
        job = site.create_job(source)
        process = site.start("run_import", str(job), "--no-progress", "--workers", "2")
        time.sleep(whole * randomness.uniform(0.25, 1.0))
        if how == "immediate":
            site.server.restart("immediate")
        else:
            kill(process, randomness.choice(["coordinator", "worker", "both"]))
        process.communicate()
        if site.sql("SELECT status FROM data_import_jobs WHERE id = %s", job) != [("completed",)]:
            assert site.run(job, "--workers", randomness.choice("12"))["status"] == "completed"

        assert site.state_of(job) == undisturbed, f"SEED={seed}"
        assert site.sql("SELECT sum(gathered) FROM data_import_chunks WHERE job_id = %s", job) == [(0,)]
        assert site.sql(LEFT) == []
