"""A job that is killed while it is proposed, or after it was approved, goes on as the same command says."""

import json
import time
from pathlib import Path

import pytest

from cortex.models import User
from tests.importer.private_site import PrivateSite

pytestmark = pytest.mark.timeout(240)


def test_a_kill_needs_no_second_approval(
    private_site: PrivateSite, source: Path, undisturbed: object
) -> None:
    site = private_site
    site.sql("TRUNCATE crm_contact")
    site.manage("createsuperuser", "--noinput", "--email", "boss@example.com")
    job = int(site.manage("create_import", "contacts-insert", str(source), "--review"))

    proposing = site.start("run_import", str(job), "--no-progress")
    time.sleep(2)  # it has begun, or is done: nothing is written in either case
    proposing.kill()
    proposing.communicate()
    assert site.sql("SELECT count(*) FROM crm_contact") == [(0,)]
    waiting = site.start("run_import", str(job), "--no-progress", "--json")
    proposed = json.loads(waiting.communicate(timeout=120)[0].splitlines()[-1])
    assert (waiting.returncode, proposed["status"]) == (3, "awaiting_approval")
    assert site.sql("SELECT count(*) FROM crm_contact") == [(0,)]
    site.manage("approve_import", str(job), "--by", "boss@example.com")
    killed = site.start("run_import", str(job), "--no-progress", "--workers", "2")
    site.wait_for_batches(job, 0, killed)
    killed.kill()
    killed.communicate()
    site.sql(f"UPDATE {User._meta.db_table} SET is_active = false WHERE email = %s", "boss@example.com")

    result = site.run(job, "--workers", "2")

    assert result["status"] == "completed"
    assert {name: result[name] for name in ("read", "rejected")} == {
        name: proposed[name] for name in ("read", "rejected")
    }
    assert site.state_of(job) == undisturbed
