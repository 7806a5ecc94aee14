"""After `erase_user`, nothing in the database names the person but their account and the rows that it lists."""

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.test import Client

from analytics.rollups.refresh import refresh
from cortex.models import Pov, Trr, User
from cortex.pages.profile import profile_of
from importer import run_import
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, MigrationLog
from tracking import log_activity
from tracking.models import SecurityAlert, UserSession

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
ANN = "canary-ann@example.com"
OTHER = "jo.canary-ann@example.com"  # contains Ann's address
HEADER = "USER_ID,EMAIL_ADDR,FIRST_NM,LAST_NM,ROLE_CD,STATUS_CD,LOGIN_FLG,JOIN_DT,CREATED_TS\n"
PASSWORD = "a long password of canaries"


@pytest.fixture
def people() -> tuple[User, User]:
    ann = User.objects.create_user(ANN, PASSWORD)
    return ann, User.objects.create_superuser(OTHER, PASSWORD)


def everywhere() -> dict[str, list[str]]:
    """Returns table → rows that contain the name, as PostgreSQL's text."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            rows = [text.lower().replace(OTHER, "") for (text,) in cursor.fetchall()]
            if named := [text for text in rows if ANN in text]:
                found[table] = named
    return found


def leave_traces(ann: User, other: User, folder: Path) -> None:
    """Leaves traces in every table that can have them."""
    for password in ("wrong", PASSWORD):
        Client().post("/accounts/login/", {"login": ANN, "password": password})
    browser = Client()
    browser.force_login(ann)
    profile_of(ann)
    log_activity("user.approved", entity=ann, metadata={"mail": ANN}, user=other)
    log_activity("user.invited", metadata={"mails": [f"To: {ANN.upper()}"]}, user=other)
    SecurityAlert.objects.create(kind="spraying", evidence={"accounts": [ANN]}, occasion="canary")
    LogEntry.objects.create(
        user=other, content_type=ContentType.objects.get_for_model(User), object_id=str(ann.pk),
        object_repr=ANN, action_flag=CHANGE, change_message=f'[{{"changed": {{"object": "{ANN}"}}}}]',
    )  # fmt: skip
    SocialAccount.objects.create(user=ann, provider="google", uid="1", extra_data={"email": ANN})
    EmailAddress.objects.create(user=ann, email=ANN, verified=True, primary=True)
    leave_an_import(ann, folder)
    refresh()


def leave_an_import(ann: User, folder: Path) -> None:
    lines = f"1,{ANN},Ann,A,king,active,Y,01/01/2020,01/01/2020 10:00:00\n2,{OTHER},Jo,A,king,active,Y,,\n3,{ANN}\n"
    (folder / "users.csv").write_text(HEADER + lines)
    job = create_job("users", str(folder / "users.csv"), created_by=ann, name=f"of {ANN}")
    assert run_import(job.pk).rejected == 3
    quoting = f"The database refuses: Key (email)=({ANN}) already exists."
    DataImportJob.objects.filter(pk=job.pk).update(error=quoting, status="failed")
    ImportChunk.objects.filter(job=job, number=1).update(last_error=quoting)
    MigrationLog.objects.create(job=job, event="failed", reason=quoting, details={"traceback": quoting})


@pytest.fixture
def told(people: tuple[User, User], tmp_path: Path, settings: Any) -> str:
    """Erases Ann. Returns the command's output."""
    settings.IMPORTER = {"SOURCE_ROOTS": [str(tmp_path)], "SPOOL_DIR": str(tmp_path / "spool")}
    leave_traces(*people, tmp_path)
    assert set(everywhere()) >= {
        "users", "login_events", "activity_logs", "security_alerts", "django_admin_log", "socialaccount_socialaccount",
        "account_emailaddress", "staging_records", "data_import_jobs", "data_import_chunks", "data_migration_logs",
    }  # fmt: skip
    out = io.StringIO()
    call_command("erase_user", ANN, "--yes", stdout=out, stderr=out)
    return out.getvalue()


def test_nothing_names_them_but_the_account_itself(told: str, people: tuple[User, User]) -> None:
    left = everywhere()

    assert set(left) == {"users"}
    assert len(left["users"]) == 1
    assert "the account itself, until it is deleted" in told


def test_the_other_one_is_as_before(told: str, people: tuple[User, User]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM staging_records WHERE raw::text LIKE %s", [f"%{OTHER}%"])
        assert cursor.fetchone() == (1,)
    assert LogEntry.objects.filter(user=people[1]).count() == 1


def test_their_sessions_are_over_and_their_accounts_are_gone(told: str, people: tuple[User, User]) -> None:
    ann, _ = people

    assert not UserSession.objects.open().exists()
    assert [session for session in Session.objects.all() if "_auth_user_id" in session.get_decoded()] == []
    assert not SocialAccount.objects.exists()
    assert not EmailAddress.objects.exists()
    assert caches["users"].get(f"users:{ann.pk}:profile") is None


def test_the_command_says_what_was_erased_and_what_stays(told: str) -> None:
    for line in (
        "tracking\n  erased\n",
        "importer\n  erased\n",
        "cortex\n  erased\n",
        "2 rejected records that named them",
        "1 accounts of sign-on providers",
        "1 e-mail addresses",
        "1 jobs that they created",
        'users.csv" of job',
        "log files of servers",
        "backups",
    ):
        assert line in told
    assert "not erased" not in told


def test_work_that_is_theirs_or_names_them_is_told(people: tuple[User, User]) -> None:
    ann, other = people
    pov = Pov.objects.create(title="A POV", customer="Acme", owner=ann, success_criteria=f"ask {ANN}")
    other_pov = Pov.objects.create(title="B", customer="Acme", owner=other, success_criteria=f"ask {OTHER}")
    Trr.objects.create(title="A TRR", pov=other_pov, assessor=ann, category="compliance")
    out = io.StringIO()

    call_command("erase_user", ANN, "--yes", stdout=out)

    told = out.getvalue()
    assert "1 POVs that they own; give them another owner before you delete the account" in told
    assert "1 TRRs that they assess, until the account is deleted" in told
    assert f"1 POVs whose texts name them: {pov.pk}\n" in told
    assert Pov.objects.get(pk=pov.pk).owner == ann


def test_the_log_of_the_command_names_nobody(
    people: tuple[User, User], tmp_path: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.IMPORTER = {"SOURCE_ROOTS": [str(tmp_path)], "SPOOL_DIR": str(tmp_path / "spool")}
    leave_traces(*people, tmp_path)
    caplog.clear()
    caplog.set_level(logging.INFO)

    call_command("erase_user", ANN, "--yes", stdout=io.StringIO())

    assert ANN not in caplog.text
