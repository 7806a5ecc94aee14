"""Tests the commands: retention, erasure, export, clean-up and the doctor."""

import datetime as dt
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.tracking.suite.conftest import Browser, make_user
from tracking import log_activity
from tracking.models import ActivityLog, LoginEvent, UserSession

pytestmark = pytest.mark.django_db


def said(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_what_is_old_is_pruned_in_steps_and_open_sessions_stay(user: Any) -> None:
    for _ in range(5):
        Browser("sync").log_in()
    long_ago = timezone.now() - dt.timedelta(days=500)
    old = list(LoginEvent.objects.values_list("pk", flat=True)[:3])
    LoginEvent.objects.filter(pk__in=old).update(timestamp=long_ago)
    UserSession.objects.update(started_at=long_ago)

    told = said("prune_events", "--step", "2")

    assert LoginEvent.objects.count() == 2
    assert UserSession.objects.count() == 5
    assert "deleted 3 older than 400 days" in told


def test_all_of_a_user_is_exported_and_no_secret(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in(password="wrong")
    browser.log_in()
    browser.get("/deed/")
    make_user("bob@example.com")
    Browser("sync").log_in("bob@example.com")

    rows = [json.loads(line) for line in said_raw("export_user_events", user.get_username()).splitlines()]

    assert sorted(row["kind"] for row in rows) == ["activity", "login", "login", "session"]
    assert "bob" not in str(rows)
    assert "key_hash" not in str(rows)


def said_raw(command: str, *arguments: str) -> str:
    """Return what a command writes to the real standard output."""
    import contextlib

    with contextlib.redirect_stdout(io.StringIO()) as out:
        call_command(command, *arguments)
    return out.getvalue()


def test_erasure_leaves_counts_and_nothing_of_the_person(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in(password="wrong")
    browser.log_in()
    browser.get("/deed/")
    make_user("bob@example.com")
    Browser("sync").log_in("bob@example.com")
    before = (LoginEvent.objects.count(), ActivityLog.objects.count(), UserSession.objects.count())

    said("erase_user_events", user.get_username(), "--yes")

    assert (LoginEvent.objects.count(), ActivityLog.objects.count(), UserSession.objects.count()) == before
    erased = LoginEvent.objects.filter(user=None)
    assert set(erased.values_list("identifier", "ip_address", "user_agent")) == {("", None, "")}
    assert sorted(erased.values_list("success", flat=True)) == [False, True]
    assert LoginEvent.objects.filter(identifier="bob@example.com").count() == 1
    assert not ActivityLog.objects.exclude(entity_id="").exists()
    assert not browser.is_logged_in or UserSession.objects.get(user=None).end_reason == "deactivated"


def test_an_unknown_user_is_said_in_one_line(db: None) -> None:
    with pytest.raises(CommandError, match=r'^No user is named "nobody"\.$'):
        call_command("erase_user_events", "nobody", "--yes")


def test_expired_and_deactivated_sessions_are_cleaned_up(user: Any) -> None:
    Browser("sync").log_in()
    UserSession.objects.update(expires_at=timezone.now() - dt.timedelta(minutes=1))
    bob = make_user("bob@example.com")
    Browser("sync").log_in("bob@example.com")
    type(bob).objects.filter(pk=bob.pk).update(is_active=False)

    told = said("clean_sessions")

    assert sorted(session.end_reason for session in UserSession.objects.all()) == ["deactivated", "expired"]
    assert "Ended 1 expired sessions, and 1 sessions of inactive users." in told


def test_the_doctor_explains_which_address_counts(db: None, settings: Any) -> None:
    told = said("tracking_doctor", "--remote-addr", "10.0.0.3", "--forwarded-for", "6.6.6.6, 198.51.100.7")
    assert "Conclusion: 10.0.0.3" in told

    settings.TRACKING = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 1}
    told = said("tracking_doctor", "--remote-addr", "10.0.0.3", "--forwarded-for", "6.6.6.6, 198.51.100.7")
    assert "Conclusion: 198.51.100.7" in told

    settings.TRACKING = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 3}
    told = said("tracking_doctor", "--remote-addr", "10.0.0.3", "--forwarded-for", "6.6.6.6, 198.51.100.7")
    assert "Not trusted" in told
    assert "Conclusion: 10.0.0.3" in told


def test_the_owner_sees_devices_and_ends_them(user: Any) -> None:
    here, there = Browser("sync"), Browser("sync")
    here.log_in()
    there.log_in()
    theirs = UserSession.objects.order_by("-started_at").first()

    page = here.get("/devices/").content.decode()
    assert page.count("Chrome, Windows") == 2
    assert "this device" in page

    answer = here.post(f"/devices/end/{theirs.pk}/")
    assert answer.status_code == 302
    theirs.refresh_from_db()
    assert theirs.end_reason == "ended_by_owner"
    page = here.get("/devices/").content.decode()
    assert f"Ended: {theirs}." in page
    assert f"{timezone.localtime(theirs.started_at):%Y, %H:%M}</time>" in page
    assert "Ended" not in here.get("/devices/").content.decode()


def test_the_owner_is_told_how_many_others_ended(user: Any) -> None:
    here = Browser("sync")
    for browser in (here, Browser("sync"), Browser("sync")):
        browser.log_in()

    here.post("/devices/end/")

    assert "Ended 2 other sessions." in here.get("/devices/").content.decode()


def test_nobody_ends_the_session_of_another(user: Any) -> None:
    make_user("bob@example.com")
    bob = Browser("sync")
    bob.log_in("bob@example.com")
    ann = Browser("sync")
    ann.log_in()

    bob.post(f"/devices/end/{UserSession.objects.get(user=user).pk}/")

    assert "Ended" not in bob.get("/devices/").content.decode()
    assert UserSession.objects.get(user=user).is_open


def test_the_owners_page_is_for_those_who_are_logged_in(db: None) -> None:
    assert Browser("sync").get("/devices/").status_code == 302


def test_metadata_that_no_database_takes_is_made_storable(user: Any) -> None:
    log_activity("thing.done", metadata={"nul": "a\0b", "half": "\udce9", "odd": object, 5: "key"}, user=user)
    log_activity("thing.done", metadata={"large": "x" * 100_000}, user=user)

    first, second = ActivityLog.objects.order_by("id")
    assert first.metadata["nul"] == "ab"
    assert "METADATA_MAX_BYTES" in second.metadata["_left_out"]
