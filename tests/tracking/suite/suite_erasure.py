"""Tests that a person is erased from every app that can, and that the rest is listed."""

import io
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection

from tests.tracking.suite.conftest import Browser, make_user
from tracking import log_activity
from tracking.events import Activity
from tracking.models import ActivityLog, LoginEvent, SecurityAlert
from tracking.storage import spool

pytestmark = pytest.mark.django_db
ANN = "ann@example.com"
# A part of it is Ann's address.
JOANN = "joann@example.com"


@pytest.fixture
def joann(user: Any) -> Any:
    return make_user(JOANN)


def erased(name: str = ANN) -> str:
    out = io.StringIO()
    call_command("erase_user", name, "--yes", stdout=out, stderr=out)
    return out.getvalue()


def log_entry(by: Any, about: Any, message: str = "") -> LogEntry:
    kind = ContentType.objects.get_for_model(about)
    return LogEntry.objects.create(
        user=by, content_type=kind, object_id=str(about.pk), object_repr=str(about), action_flag=CHANGE,
        change_message=message,
    )  # fmt: skip


def rows_with(name: str) -> list[str]:
    """Return the tables that contain the text anywhere, as stored in the database."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [table for row in cursor.fetchall() if name in str(row).lower()]
    return found


def test_what_others_did_to_a_person_is_erased_too(user: Any, joann: Any) -> None:
    label = user._meta.label_lower
    log_activity("user.approved", entity=user, metadata={"stage": 3}, user=joann)
    log_activity("mail.sent", metadata={"to": ["Ann@Example.com"]}, user=joann)
    log_activity("mail.sent", metadata={"to": [JOANN]}, user=joann)
    log_activity("mail.opened", entity=("email", ANN), user=joann)
    log_activity("pov.approved", entity=("crm.pov", user.pk), metadata={"stage": 4}, user=joann)

    told = erased()

    left = list(ActivityLog.objects.order_by("id").values_list("entity_type", "entity_id", "metadata"))
    assert left == [
        (label, "", {}),
        ("", "", {}),
        ("", "", {"to": [JOANN]}),
        ("email", "", {}),
        ("crm.pov", str(user.pk), {"stage": 4}),
    ]
    assert set(ActivityLog.objects.values_list("user_id", flat=True)) == {joann.pk}
    assert "3 activities of others that are about them or name them" in told


def test_alerts_and_logins_of_others_no_longer_name_them(user: Any, joann: Any) -> None:
    SecurityAlert.objects.create(kind="spraying", evidence={"accounts": [ANN]}, occasion="a")
    SecurityAlert.objects.create(kind="spraying", evidence={"accounts": [JOANN]}, occasion="b")
    SecurityAlert.objects.create(kind="new_device", user_id=user.pk, occasion="c")
    LoginEvent.objects.create(success=False, identifier=ANN.upper(), ip_address="192.0.2.1")

    told = erased()

    left = list(SecurityAlert.objects.order_by("occasion").values_list("occasion", "evidence"))
    assert left == [("a", {}), ("b", {"accounts": [JOANN]})]
    assert LoginEvent.objects.get().identifier == ""
    assert "1 of kind alert" in told
    assert "2 logins and alerts of others" in told


def test_the_administrations_log_no_longer_names_them(user: Any, joann: Any) -> None:
    log_entry(joann, user, '[{"changed": {"fields": ["E-mail"]}}]')
    log_entry(joann, joann, '[{"changed": {"object": "ann@example.com", "name": "address"}}]')
    log_entry(joann, joann, "joann@example.com")
    log_entry(user, joann)

    told = erased()

    left = list(LogEntry.objects.order_by("id").values_list("object_id", "object_repr", "change_message"))
    key = str(joann.pk)
    assert left[0] == (None, "", "")
    assert left[1:] == [(key, JOANN, ""), (key, JOANN, "joann@example.com"), (key, JOANN, "")]
    assert "2 entries of the admin's log" in told
    assert "admin.LogEntry: 1 rows" in told  # what they did themselves


def test_no_table_names_them_but_the_account_itself(user: Any, joann: Any) -> None:
    Browser("sync").log_in(password="wrong")
    browser = Browser("sync")
    browser.log_in()
    browser.get("/deed/")
    log_activity("user.approved", entity=user, metadata={"about": f"<{ANN}>"}, user=joann)
    log_entry(joann, user, ANN)
    assert len(set(rows_with(f"'{ANN}'"))) > 2

    erased()

    tables = {user._meta.db_table}
    left = [table for table in rows_with(ANN) if table not in tables and not _is_joanns(table)]
    assert left == []
    assert not browser.is_logged_in


def _is_joanns(table: str) -> bool:
    """Tell whether a table has Ann's address only as a part of Joann's."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')
        return all(ANN not in str(row).lower().replace(JOANN, "") for row in cursor.fetchall())


def test_events_that_wait_are_written_first(user: Any) -> None:
    spool.add([Activity(action="late.deed", user_id=user.pk, metadata={"by": ANN})])

    erased()

    row = ActivityLog.objects.get(action="late.deed")
    assert (row.user_id, row.metadata) == (None, {})
    assert spool.is_empty()


def test_events_that_no_database_takes_are_told(user: Any) -> None:
    spool.refuse([f'{{"kind": "activity", "metadata": "{ANN}"}}', f'{{"metadata": "{JOANN}"}}'])

    told = erased()

    assert f"1 lines of {spool.folder() / spool.REFUSED} that name them; delete those lines" in told


def test_the_account_stays_and_other_people_too(user: Any, joann: Any) -> None:
    Browser("sync").log_in(JOANN)

    told = erased()

    user.refresh_from_db()
    assert user.get_username() == ANN
    assert LoginEvent.objects.get(user=joann.pk).identifier == JOANN
    for line in ("the account itself, until it is deleted", "backups", "log files of servers"):
        assert line in told


def test_apps_that_were_not_asked_are_named_with_their_rows(user: Any) -> None:
    from django.contrib.auth.models import Group

    user.groups.add(Group.objects.create(name="Some"))

    told = erased()

    label = type(user).groups.through._meta.label
    assert "not erased, because the app has no erase_user(); rows that refer to the user" in told
    assert f"- {label}: 1 rows" in told


def test_a_hook_that_raises_is_told_in_one_line_and_stops_no_other(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def broken(person: Any) -> Any:
        raise RuntimeError("first line\nsecond line")

    def willing(person: Any) -> Any:
        asked.append(person.pk)
        return {"erased": ["2 letters"], "stays": ["1 stone"]}

    monkeypatch.setattr(apps.get_app_config("auth"), "erase_user", broken, raising=False)
    monkeypatch.setattr(apps.get_app_config("sessions"), "erase_user", lambda person: "done", raising=False)
    monkeypatch.setattr(apps.get_app_config("messages"), "erase_user", willing, raising=False)
    out, err = io.StringIO(), io.StringIO()

    with pytest.raises(CommandError) as refusal:
        call_command("erase_user", ANN, "--yes", stdout=out, stderr=err)

    assert refusal.value.returncode == 1
    assert str(refusal.value).startswith("Not erased by auth, sessions: fix the reason above")
    assert err.getvalue().splitlines() == [
        "  not erased: RuntimeError: first line second line",
        '  not erased: TypeError: erase_user() returned str, not {"erased": [...], "stays": [...]}',
    ]
    assert asked == [user.pk]
    assert "messages\n  erased\n    - 2 letters\n  stays\n    - 1 stone\n" in out.getvalue()


def test_nothing_is_erased_without_a_yes(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Browser("sync").log_in()
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "")
    out = io.StringIO()

    call_command("erase_user", ANN, stdout=out)

    assert out.getvalue() == "Nothing was erased.\n"
    assert f'texts with "{ANN}" as whole words' in asked[0]
    assert LoginEvent.objects.get().user_id == user.pk


@pytest.mark.parametrize("command", ["erase_user", "erase_user_events"])
def test_without_a_terminal_nothing_is_erased_and_one_line_says_how(
    user: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    Browser("sync").log_in()
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(CommandError, match="^Cannot ask for confirmation without a terminal; add --yes"):
        call_command(command, ANN)

    assert LoginEvent.objects.get().user_id == user.pk


def test_an_unknown_person_is_said_in_one_line(db: None) -> None:
    with pytest.raises(CommandError, match=r'^No user is named "nobody"\.$'):
        call_command("erase_user", "nobody", "--yes")
