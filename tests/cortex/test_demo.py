import datetime as dt
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone

from cortex.demo.accounts import PASSWORD
from cortex.demo.legacy_records import write_legacy_files
from cortex.models import Pov, Trr, User
from tracking.models import LoginEvent, SecurityAlert


def test_the_legacy_records_are_the_same_each_time(tmp_path: Path) -> None:
    first = [file.path.read_bytes() for file in write_legacy_files(tmp_path / "first")]
    second = [file.path.read_bytes() for file in write_legacy_files(tmp_path / "second")]

    assert first == second


@pytest.mark.django_db(transaction=True)
def test_the_demo_imports_100_000_records_and_a_second_time_changes_nothing(
    tmp_path: Path, client: Client
) -> None:
    with override_settings(LOCAL_DIR=tmp_path, IMPORTER={"SOURCE_ROOTS": [str(tmp_path)]}):
        call_command("demo", stdout=StringIO())

    imported = [model.objects.filter(legacy_id__isnull=False).count() for model in (User, Pov, Trr)]
    assert 99_000 < sum(imported) < 99_900
    assert LoginEvent.objects.filter(success=True).count() > 5_000
    assert LoginEvent.objects.filter(timestamp__lt=timezone.now() - dt.timedelta(days=31)).count() > 2_000
    consultant = User.objects.get(email="consultant@example.com")
    work = [model.objects.visible_to(consultant).count() for model in (Pov, Trr)]
    assert min(work) >= 5
    assert SecurityAlert.objects.filter(kind="spraying").exists()
    assert client.login(username="admin@example.com", password=PASSWORD)

    printed = StringIO()
    with override_settings(LOCAL_DIR=tmp_path, IMPORTER={"SOURCE_ROOTS": [str(tmp_path)]}):
        call_command("demo", stdout=printed)

    again = [model.objects.filter(legacy_id__isnull=False).count() for model in (User, Pov, Trr)]
    assert again == imported
    assert [model.objects.visible_to(consultant).count() for model in (Pov, Trr)] == work
    assert printed.getvalue().count("0 inserted + 0 updated") == 3
    assert "\n0 logins and activities recorded." in printed.getvalue()
