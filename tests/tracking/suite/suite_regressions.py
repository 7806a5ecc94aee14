"""What broke once, found by people who tried to break it."""

import asyncio
import datetime as dt
import io
import json
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from tests.tracking.suite.conftest import Browser, make_user
from tests.tracking.suite.suite_faults import lock_held, table_missing
from tracking import health, log_activity, log_login
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession
from tracking.sessions.memory import memory
from tracking.sessions.revocations import revocations
from tracking.storage import spool
from tracking.storage.write import database_pause, replay_spool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("identifier", ["\ud800x", "a\0b", 5, b"bytes"])
def test_a_name_that_no_database_takes_leaves_the_sites_transaction_sound(user: Any, identifier: Any) -> None:
    with transaction.atomic():
        log_login(success=False, identifier=identifier)
        assert get_user_model().objects.count() == 1

    assert LoginEvent.objects.get().identifier.startswith("hmac:")


def test_a_nul_in_a_user_agent_leaves_the_sites_transaction_sound(user: Any) -> None:
    request = RequestFactory(HTTP_USER_AGENT="My\0App/1.0 CFNetwork/1 Darwin/1").get("/")

    with transaction.atomic():
        log_login(user, request=request)
        assert get_user_model().objects.count() == 1

    assert LoginEvent.objects.get().browser


def test_alerts_wait_for_no_lock_and_break_no_transaction(user: Any) -> None:
    for _ in range(9):
        log_login(success=False, identifier="ann@example.com")

    with (
        lock_held("security_alerts")
        if connection.vendor == "postgresql"
        else table_missing("security_alerts")
    ):
        began = time.monotonic()
        with transaction.atomic():
            log_login(success=False, identifier="ann@example.com")
            assert get_user_model().objects.count() == 1
        assert time.monotonic() - began < 1

    assert LoginEvent.objects.count() == 10


def test_a_failure_in_a_burst_costs_no_more_than_another(user: Any) -> None:
    from tests.tracking.suite.suite_logins import queries_of

    for _ in range(12):
        log_login(success=False, identifier="ann@example.com")

    assert queries_of(lambda: log_login(success=False, identifier="ann@example.com")) <= 2


def test_a_replay_waits_for_no_lock(user: Any) -> None:
    with table_missing("login_events"):
        Browser("sync").log_in()
    database_pause.until = database_pause.replay_at = 0.0

    with lock_held("user_sessions"):
        began = time.monotonic()
        log_login(success=False, identifier="ann@example.com")
        assert time.monotonic() - began < 1.5


def test_one_event_that_nothing_takes_holds_up_no_other(user: Any) -> None:
    folder = spool.folder()
    with table_missing("activity_logs"):
        log_activity("good", user=user)
    with (folder / spool.NAME).open("a") as file:
        file.write('{"kind": "activity", "action": "bad", "user_id": "no key of anybody"}\n')
        file.write("[" * 100_000 + "\n")
        file.write("rubbish\n")
    (folder / "taken-directory").mkdir()
    database_pause.until = 0.0

    assert replay_spool() >= 1

    assert ActivityLog.objects.get().action == "good"
    assert spool.is_empty()
    assert len((folder / spool.REFUSED).read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "metadata",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"re": r"\u0000"},
        {"n": 10**5_000},
        {"deep": None},
        {"loop": None},
    ],
)
def test_odd_metadata_loses_no_activity(user: Any, metadata: dict[str, Any]) -> None:
    if "deep" in metadata:
        inner: Any = metadata
        for _ in range(5_000):
            inner["deep"] = {}
            inner = inner["deep"]
    if "loop" in metadata:
        metadata["loop"] = metadata

    log_activity("odd", metadata=metadata, user=user)

    stored = ActivityLog.objects.get().metadata
    assert json.loads(json.dumps(stored)) == stored
    if "re" in metadata:
        assert stored == metadata


def test_a_pipe_in_place_of_the_spool_hangs_nobody(user: Any) -> None:
    folder = spool.folder()
    folder.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / spool.NAME)

    with table_missing("login_events"):
        thread = threading.Thread(target=spool.add, args=([],))
        thread.start()
        assert Browser("sync").log_in().status_code == 302
        thread.join(5)

    assert health.counts()["dropped"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_another_account_put_into_the_spool_is_left_there(user: Any) -> None:
    folder = spool.folder()
    folder.mkdir(parents=True, exist_ok=True)
    forged = folder / "taken-forged.jsonl"
    forged.write_text('{"kind": "login", "success": true, "identifier": "forged"}\n')
    os.chown(forged, 65534, 65534)

    replay_spool()

    assert not LoginEvent.objects.exists()


def test_a_disk_that_was_full_spoils_no_later_line(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking.events import Activity

    write = os.write
    spool.add([Activity(action="first")])
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    spool.add([Activity(action="torn")])
    monkeypatch.undo()
    spool.add([Activity(action="last")])

    assert [event.action for events in spool.take() for event in events] == ["first", "last"]
    assert health.counts() == {"spooled": 2, "dropped": 1, "faults": 1}


def test_a_session_of_another_user_in_the_same_browser_can_be_ended(user: Any) -> None:
    make_user("bob@example.com")
    browser = Browser("sync")
    browser.log_in()
    browser.log_in("bob@example.com")

    session = UserSession.objects.order_by("-started_at")[0]
    assert session.key_hash
    session.end("ended_by_admin")
    memory.forget()
    revocations.forget()

    assert not browser.is_logged_in


def test_an_ended_session_stays_ended_although_it_was_to_live_longer(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()
    UserSession.objects.get().end("ended_by_owner")
    UserSession.objects.update(expires_at=timezone.now() - dt.timedelta(days=1))
    memory.forget()
    revocations.forget()

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
    """A row of another model may well have the key of a user, and be called inactive."""
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


def test_a_proxy_of_the_user_is_the_user(user: Any) -> None:
    Browser("sync").log_in()
    model: Any = get_user_model()
    proxy = type(
        "Proxied",
        (model,),
        {"__module__": __name__, "Meta": type("Meta", (), {"proxy": True, "app_label": "x"})},
    )

    same = proxy.objects.get(pk=user.pk)
    same.is_active = False
    same.save()

    assert UserSession.objects.get().end_reason == "deactivated"


def test_a_logout_counts_although_its_login_still_waits(user: Any) -> None:
    browser = Browser("sync")
    with table_missing("user_sessions"):
        browser.log_in()
    database_pause.until = 0.0
    database_pause.replay_at = float("inf")

    browser.post("/logout/")
    replay_spool()

    assert UserSession.objects.get().end_reason == "logout"
    assert spool.is_empty()


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
    memory.forget()
    revocations.forget()

    assert not browser.is_logged_in


def test_failures_without_a_name_are_no_burst_of_one_account(user: Any) -> None:
    for _ in range(15):
        log_login(success=False)

    assert not SecurityAlert.objects.exists()


def test_a_network_that_sprays_is_told_of_once(user: Any) -> None:
    for number in range(40):
        request = RequestFactory(
            REMOTE_ADDR=f"203.0.113.{number if connection.vendor == 'postgresql' else 1}"
        ).get("/")
        log_login(success=False, identifier=f"name-{number % 19}", request=request)
    assert not SecurityAlert.objects.filter(kind="spraying").exists()

    for number in range(40):
        request = RequestFactory(
            REMOTE_ADDR=f"203.0.113.{number if connection.vendor == 'postgresql' else 1}"
        ).get("/")
        log_login(success=False, identifier=f"name-{number}", request=request)
    assert SecurityAlert.objects.filter(kind="spraying").count() == 1


def test_a_login_after_a_burst_is_told_of_once(user: Any) -> None:
    for _ in range(12):
        log_login(success=False, identifier="ann@example.com")

    for _ in range(3):
        log_login(user)

    assert SecurityAlert.objects.filter(kind="success_after_burst").count() == 1


def test_accounts_with_a_long_name_in_common_are_told_apart(user: Any) -> None:
    for name in ("x" * 60 + "1@example.com", "x" * 60 + "2@example.com"):
        make_user(name)
        for _ in range(11):
            log_login(success=False, identifier=name)

    assert SecurityAlert.objects.filter(kind="failure_burst").count() == 2


def test_the_user_is_found_whoever_put_them_on_the_request(user: Any) -> None:
    """As Django REST framework does with a token: on its own request and on the one that it wraps."""
    request = RequestFactory().get("/")
    request.user = user

    class Wrapper:
        _request = request

    log_activity("thing.done", request=Wrapper())  # type: ignore[arg-type]

    assert ActivityLog.objects.get().user == user


def test_a_task_that_outlives_its_request_loses_nothing(user: Any) -> None:
    from tracking.capture.visit import Visit, current

    visit = Visit.of(RequestFactory().get("/"))
    token = current.set(visit)
    try:
        visit.finish(None)
        log_activity("late", user=user)
    finally:
        current.reset(token)

    assert ActivityLog.objects.get().action == "late"


def test_an_activity_in_an_event_loop_without_a_request_is_kept(user: Any) -> None:
    async def work() -> None:
        log_activity("looped", user=user)

    asyncio.run(work())
    database_pause.until = 0.0
    replay_spool()

    assert ActivityLog.objects.get().action == "looped"


def test_what_was_typed_is_in_no_log(user: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with table_missing("login_events"):
        Browser("sync").log_in(name="hunter2-secret", password="hunter3-secret")

    text = caplog.text + "".join(path.read_text() for path in spool.folder().iterdir())
    assert "secret" not in text
