"""The folder of copies and unpacked sources: of one account, with files of one job each."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from importer import run_import
from importer.jobs import create_job
from tests.importer.conftest import Importing
from tests.importer.crm.models import Company

pytestmark = pytest.mark.django_db(transaction=True)
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
    assert f"may be written to by others (mode {mode:o}); make it yours alone (chmod 700)" in result.reason


def test_a_link_in_its_place_is_refused(importing: Importing, folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "spool").symlink_to(folder / "elsewhere")

    _, result = importing("companies", PACKED, name="companies.csv.gz")

    assert result.status == "failed"
    assert "is a link, and no folder" in result.reason


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
