"""An undo that is killed at any moment goes on with the same command, and counts each row once."""

import random
import time
from pathlib import Path

from tests.importer.private_site import PrivateSite

UNDONE = "SELECT inserted, undone, undone_at IS NOT NULL FROM data_import_jobs WHERE id = %s"


def test_killed_at_any_moment(private_site: PrivateSite, source: Path) -> None:
    site, randomness = private_site, random.Random()
    site.sql("TRUNCATE crm_contact")
    site.sql("INSERT INTO crm_contact (legacy_id, email, first_name, role, balance, created_at, updated_at) "
             "VALUES (900000, 'of@somebody.else', '', 'user', 0, now(), now())")  # fmt: skip
    job = site.create_job(source)
    site.run(job, "--executor", "inline")

    for _ in range(4):
        process = site.start("undo_import", str(job), "--no-input")
        time.sleep(randomness.uniform(0.4, 1.2))
        process.kill()
        process.communicate()
        left = site.sql("SELECT count(*) FROM crm_contact")[0][0] - 1
        inserted, undone, _ = site.sql(UNDONE, job)[0]
        assert inserted == undone + left
    site.manage("undo_import", str(job), "--no-input")

    inserted, undone, is_done = site.sql(UNDONE, job)[0]
    assert (undone, is_done) == (inserted, True)
    assert site.sql("SELECT legacy_id FROM crm_contact") == [(900000,)]
