import datetime as dt
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone

from cortex.demo.accounts import PASSWORD
from cortex.demo.legacy_records import write_legacy_files
from cortex.models import Pov, Trr, User
from importer.models import StagingRecord
from tracking.models import LoginEvent, SecurityAlert


def test_the_legacy_records_are_the_same_each_time(tmp_path: Path) -> None:
    first = [file.path.read_bytes() for file in write_legacy_files(tmp_path / "first")]
    second = [file.path.read_bytes() for file in write_legacy_files(tmp_path / "second")]

    assert first == second


@pytest.mark.timeout(600)  # half a minute on an idle machine, minutes on a busy one
@pytest.mark.django_db(transaction=True)
def test_the_demo_imports_100_000_records(tmp_path: Path, client: Client) -> None:
    summary = summary_of(demo(tmp_path))

    imported = [model.objects.filter(legacy_id__isnull=False).count() for model in (User, Pov, Trr)]
    assert 99_000 < sum(imported) < 99_900
    assert LoginEvent.objects.filter(success=True).count() > 5_000
    assert LoginEvent.objects.filter(timestamp__lt=timezone.now() - dt.timedelta(days=31)).count() > 2_000
    assert min(work_of_the_consultant()) >= 5
    assert SecurityAlert.objects.filter(kind="spraying").exists()
    assert f"Imported {sum(imported):,} of 100,000 records and rejected {100_000 - sum(imported)}:" in summary
    assert_each_file_is_accounted_for(summary)
    assert_addresses_and_accounts_work(summary, client)


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.django_db(transaction=True)
def test_a_second_demo_changes_nothing(tmp_path: Path) -> None:
    first = demo(tmp_path)
    imported = [model.objects.filter(legacy_id__isnull=False).count() for model in (User, Pov, Trr)]
    work = work_of_the_consultant()

    second = demo(tmp_path)

    again = [model.objects.filter(legacy_id__isnull=False).count() for model in (User, Pov, Trr)]
    assert again == imported
    assert work_of_the_consultant() == work
    assert second.count("0 inserted + 0 updated") == 3
    assert "\n0 logins and activities recorded." in second
    job = re.compile(r"import_report \d+")
    assert job.sub("", summary_of(second)) == job.sub("", summary_of(first))


def demo(folder: Path) -> str:
    with override_settings(LOCAL_DIR=folder, IMPORTER={"SOURCE_ROOTS": [str(folder)]}):
        call_command("demo", stdout=(printed := StringIO()))
    return printed.getvalue()


def work_of_the_consultant() -> list[int]:
    consultant = User.objects.get(email="consultant@example.com")
    return [model.objects.visible_to(consultant).count() for model in (Pov, Trr)]


def summary_of(printed: str) -> str:
    """Short, at the end, and above it no list of rejected records either."""
    before, heading, summary = printed.partition("\nDone\n")
    assert heading
    assert len(summary.splitlines()) <= 25
    assert "line " not in before
    return summary


def assert_each_file_is_accounted_for(summary: str) -> None:
    rows = re.findall(
        r"^  (\w+\.csv) +(\S+) +(\S+) +(\S+) +(\d+)   \S+ manage\.py import_report (\d+)$", summary, re.M
    )
    assert [row[0] for row in rows] == ["users.csv", "povs.csv", "trrs.csv"]
    for _, *counts, job in rows:
        read, imported, rejected, reasons = (int(count.replace(",", "")) for count in counts)
        call_command("import_report", job, stdout=(report := StringIO()))

        assert read == imported + rejected
        assert rejected == StagingRecord.objects.filter(job_id=job, state="rejected").count() > 0
        assert reasons == len(re.findall(r"^  \d+ x ", report.getvalue(), re.M))


def assert_addresses_and_accounts_work(summary: str, client: Client) -> None:
    accounts = re.findall(r"^  (\w+) +(\S+@\S+)$", summary, re.M)
    assert [role for role, _ in accounts] == ["admin", "manager", "consultant", "user"]
    assert f'"{PASSWORD}"' in summary
    for _, email in reversed(accounts):
        assert client.login(username=email, password=PASSWORD)

    addresses = re.findall(r"http://127\.0\.0\.1:8000(\S+)", summary)
    assert addresses[:2] == ["/admin/analytics/", "/admin/"]
    assert [client.get(address).status_code for address in addresses] == [200] * 4
