"""Tests that a session is one row from login to end, in spite of new keys, and that it stays ended."""

import datetime as dt
import io
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.utils import timezone

from tests.tracking.suite.conftest import Browser, make_user
from tracking import state
from tracking.models import LoginEvent, UserSession
from tracking.storage import spool
from tracking.storage.write import replay_spool

pytestmark = pytest.mark.django_db

ENGINES = ["db", "cache", "cached_db", "signed_cookies"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return str(request.param)


def as_another_process() -> None:
    state.forget()


def test_a_logout_ends_the_session(engine: str, browser: Browser, user: Any) -> None:
    browser.log_in()

    browser.post("/logout/")

    session = UserSession.objects.get()
    assert session.end_reason == "logout"
    assert not browser.is_logged_in


def test_a_session_that_somebody_ends_is_refused_on_the_next_request(
    engine: str, browser: Browser, user: Any
) -> None:
    browser.log_in()
    assert browser.is_logged_in

    UserSession.objects.get().end("ended_by_admin")

    assert not browser.is_logged_in


def test_another_process_knows_of_it_too(engine: str, browser: Browser, user: Any) -> None:
    browser.log_in()
    UserSession.objects.get().end("ended_by_owner")
    as_another_process()

    assert not browser.is_logged_in
    assert not browser.is_logged_in


def test_a_session_that_was_looked_at_a_moment_ago_is_refused_as_soon_as_its_end_is_known(
    engine: str, user: Any
) -> None:
    browser, other = Browser("async"), Browser("sync")
    browser.log_in()
    UserSession.objects.get().end("ended_by_owner")

    other.log_in()
    other.get("/page/")  # makes this process learn of it

    assert not browser.is_logged_in


def test_only_that_session_is_ended(engine: str, user: Any) -> None:
    one, other = Browser("sync"), Browser("sync")
    one.log_in()
    first = UserSession.objects.get()
    other.log_in()

    first.end("ended_by_owner")
    as_another_process()

    assert not one.is_logged_in
    assert other.is_logged_in


def test_a_new_key_is_the_same_session(engine: str, browser: Browser, user: Any) -> None:
    browser.log_in()
    before = UserSession.objects.get()

    browser.post("/password/", {"password": "another good password"})

    after = UserSession.objects.get()
    assert after.pk == before.pk
    assert after.is_open
    assert browser.is_logged_in
    if engine != "signed_cookies":
        assert after.key_hash != before.key_hash
    after.end("ended_by_admin")
    as_another_process()
    assert not browser.is_logged_in


def test_a_new_password_ends_the_other_sessions(engine: str, user: Any) -> None:
    here, there = Browser("sync"), Browser("sync")
    here.log_in()
    there.log_in()

    here.post("/password/", {"password": "another good password"})

    assert sorted(session.end_reason for session in UserSession.objects.all()) == ["", "password_change"]
    assert here.is_logged_in
    assert not there.is_logged_in


def test_a_deactivation_ends_all_sessions(engine: str, browser: Browser, user: Any) -> None:
    browser.log_in()

    user.is_active = False
    user.save()

    assert UserSession.objects.get().end_reason == "deactivated"
    assert not browser.is_logged_in


def test_what_was_seen_is_noted_once_in_a_while(
    engine: str, browser: Browser, user: Any, settings: Any
) -> None:
    browser.log_in()
    long_ago = timezone.now() - dt.timedelta(hours=1)
    UserSession.objects.update(last_seen_at=long_ago)

    browser.get("/page/")
    assert UserSession.objects.get().last_seen_at == long_ago

    settings.TRACKING = settings.TRACKING | {"TOUCH_SECONDS": 0}
    browser.get("/page/")
    assert UserSession.objects.get().last_seen_at > long_ago


@pytest.mark.parametrize("has_passed_for_expired", [False, True])
def test_a_session_that_is_prolonged_is_never_out_of_sight(
    engine: str, browser: Browser, user: Any, has_passed_for_expired: bool
) -> None:
    """The session is touched by a request that saves nothing, and saved by the next one."""
    browser.log_in()
    over = timezone.now() - dt.timedelta(hours=1)
    UserSession.objects.update(expires_at=over)
    if has_passed_for_expired:
        UserSession.objects.all().end_expired()
    as_another_process()
    assert browser.is_logged_in  # touches it

    browser.post("/password/", {"password": "another good password"})

    session = UserSession.objects.get()
    assert session.is_open
    session.end("ended_by_admin")
    as_another_process()
    assert not browser.is_logged_in


def test_expired_sessions_are_ended_as_of_then(user: Any) -> None:
    Browser("sync").log_in()
    over = timezone.now() - dt.timedelta(hours=1)
    UserSession.objects.update(expires_at=over)

    UserSession.objects.all().end_expired()

    session = UserSession.objects.get()
    assert (session.end_reason, session.ended_at) == ("expired", over)


def test_the_raw_key_is_nowhere(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()

    key = browser.client.session.session_key
    row = UserSession.objects.values().get()
    assert key not in str(row)


def test_a_session_of_another_user_in_the_same_browser_can_be_ended(user: Any) -> None:
    make_user("bob@example.com")
    browser = Browser("sync")
    browser.log_in()
    browser.log_in("bob@example.com")

    session = UserSession.objects.order_by("-started_at")[0]
    assert session.key_hash
    session.end("ended_by_admin")
    state.forget()

    assert not browser.is_logged_in


def test_an_ended_session_stays_ended_although_it_was_to_live_longer(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()
    UserSession.objects.get().end("ended_by_owner")
    UserSession.objects.update(expires_at=timezone.now() - dt.timedelta(days=1))
    state.forget()

    assert not browser.is_logged_in


def test_a_session_that_is_saved_with_every_request_is_prolonged(user: Any, settings: Any) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    settings.TRACKING = settings.TRACKING | {"TOUCH_SECONDS": 0}
    browser = Browser("sync")
    browser.log_in()
    UserSession.objects.update(expires_at=timezone.now() + dt.timedelta(minutes=1))

    assert browser.is_logged_in

    assert UserSession.objects.get().expires_at > timezone.now() + dt.timedelta(days=1)


def test_what_is_no_user_ends_nobodys_session(user: Any) -> None:
    """A row of another model may have the primary key of a user, and be inactive."""
    browser = Browser("sync")
    browser.log_in()
    other = Group(pk=user.pk) if isinstance(user.pk, int) else Group(pk=1)
    other.name = "no user"
    other.save()
    other.is_active = False  # type: ignore[attr-defined]
    other.save()
    other._password = "x"  # type: ignore[attr-defined]
    other.save()
    other.delete()

    assert UserSession.objects.get().is_open


def test_the_end_of_a_session_that_never_was_goes_round_no_longer(user: Any) -> None:
    from tracking.events import SessionEnd

    spool.add([SessionEnd(reason="logout", session_id=uuid.uuid4())])

    replay_spool()

    assert spool.is_empty()


def test_who_is_deleted_has_no_session_left_and_events_stay(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()

    user.delete()

    session = UserSession.objects.get()
    assert (session.user_id, session.end_reason) == (None, "deactivated")
    assert LoginEvent.objects.get().user_id is None


def test_an_old_end_ends_no_newer_session(user: Any) -> None:
    from tracking.events import SessionEnd
    from tracking.storage.write import write

    before = timezone.now()
    Browser("sync").log_in()

    write([SessionEnd(reason="password_change", user_id=user.pk, timestamp=before)])

    assert UserSession.objects.get().is_open


def test_whoever_is_erased_is_logged_out(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()

    call_command("erase_user_events", user.get_username(), "--yes", stdout=io.StringIO())
    state.forget()

    assert not browser.is_logged_in
