"""The folder of copies and unpacked sources belongs to one account, and each file to one job."""

import datetime as dt
import gzip
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from importer import run_import
from importer.jobs import create_job
from importer.models import DataImportJob
from importer.sources.spool.folder import prefix_of
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company

pytestmark = pytest.mark.django_db(transaction=True)
FATES = {
    "done": "completed",
    "deleted": "failed",
    "failed lately": "failed",
    "failed long ago": "failed",
    "running": "running",
    "pending": "pending",
}
PACKED = gzip.compress(b"code,name\nC1,One\n")


@pytest.fixture
def shared(folder: Path) -> Path:
    (folder / "spool").mkdir(mode=0o700)
    return folder / "spool"


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_one_that_others_may_write_to_is_refused(importing: Importing, shared: Path, mode: int) -> None:
    shared.chmod(mode)

    _, result = importing("companies", PACKED, name="companies.csv.gz")

    assert result.status == "failed"
    assert f"is writable by others (mode {mode:o}); restrict it to your account (chmod 700)" in result.reason


def test_a_link_in_its_place_is_refused(importing: Importing, folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "spool").symlink_to(folder / "elsewhere")

    _, result = importing("companies", PACKED, name="companies.csv.gz")

    assert result.status == "failed"
    assert "is a link, not a folder" in result.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give a folder away.")
def test_one_of_another_account_is_refused(importing: Importing, shared: Path) -> None:
    os.chown(shared, 1234, -1)

    _, result = importing("companies", PACKED, name="companies.csv.gz")

    assert "belongs to another account (1234)" in result.reason


def test_the_end_of_one_job_takes_nothing_from_another(folder: Path, settings: Any) -> None:
    source = folder / "companies.csv.gz"
    source.write_bytes(PACKED)
    first, second = (create_job("companies", str(source)) for _ in range(2))
    run_import(first, dry_run=True)
    run_import(second, dry_run=True)
    assert len(list((folder / "spool").iterdir())) == 2

    run_import(first)

    (left,) = (folder / "spool").iterdir()
    assert f"-{second.pk}-" in left.name
    assert Company.objects.count() == 1


def test_copies_go_with_their_jobs_and_others_stay(importing: Importing, shared: Path) -> None:
    jobs = {name: importing("companies", PACKED, name=f"{name}.csv.gz")[0] for name in FATES}
    for job in jobs.values():
        (shared / f"{prefix_of(job)}source.csv.gz").touch()
    (shared / f"{'z' * 12}-{jobs['done'].pk}-source.csv.gz").touch()  # another site's
    yesterday, last_month = (timezone.now() - dt.timedelta(days=days) for days in (1, 30))
    for name, fate in FATES.items():
        DataImportJob.objects.filter(pk=jobs[name].pk).update(status=fate, finished_at=yesterday)
    DataImportJob.objects.filter(pk=jobs["failed long ago"].pk).update(finished_at=last_month)
    numbers = {job.pk: name for name, job in jobs.items()}
    jobs["deleted"].delete()

    said = StringIO()
    call_command("clean_spool", stdout=said)

    left = {path.name.split("-")[1] for path in shared.iterdir() if not path.name.startswith("z")}
    assert {numbers[int(number)] for number in left} == {"running", "failed lately", "pending"}
    assert len(list(shared.glob("z*"))) == 1
    assert said.getvalue() == "3 files removed from the spool.\n"
