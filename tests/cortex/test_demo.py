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


@pytest.mark.timeout(600)  # two demos: half a minute each on an idle machine, minutes on a busy one
@pytest.mark.django_db(transaction=True)
def test_the_demo_imports_100_000_records_and_a_second_time_changes_nothing(
    tmp_path: Path, client: Client
) -> None:
    with override_settings(LOCAL_DIR=tmp_path, IMPORTER={"SOURCE_ROOTS": [str(tmp_path)]}):
        call_command("demo", stdout=(first := StringIO()))

    imported = [model.objects.filter(legacy_id__isnull=False).count() for model in (User, Pov, Trr)]
    assert 99_000 < sum(imported) < 99_900
    assert LoginEvent.objects.filter(success=True).count() > 5_000
    assert LoginEvent.objects.filter(timestamp__lt=timezone.now() - dt.timedelta(days=31)).count() > 2_000
    consultant = User.objects.get(email="consultant@example.com")
    work = [model.objects.visible_to(consultant).count() for model in (Pov, Trr)]
    assert min(work) >= 5
    assert SecurityAlert.objects.filter(kind="spraying").exists()
    summary = summary_of(first.getvalue())
    assert f"Imported {sum(imported):,} of 100,000 records and rejected {100_000 - sum(imported)}:" in summary
    assert_each_file_is_accounted_for(summary)
    assert_addresses_and_accounts_work(summary, client)

    printed = StringIO()
    with override_settings(LOCAL_DIR=tmp_path, IMPORTER={"SOURCE_ROOTS": [str(tmp_path)]}):
        call_command("demo", stdout=printed)

    again = [model.objects.filter(legacy_id__isnull=False).count() for model in (User, Pov, Trr)]
    assert again == imported
    assert [model.objects.visible_to(consultant).count() for model in (Pov, Trr)] == work
    assert printed.getvalue().count("0 inserted + 0 updated") == 3
    assert "\n0 logins and activities recorded." in printed.getvalue()
    job = re.compile(r"import_report \d+")
    assert job.sub("", summary_of(printed.getvalue())) == job.sub("", summary)


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
