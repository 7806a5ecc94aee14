"""Tests that no spooled event is lost or blocks another, and that other files are not touched."""

import os
import threading
import time
from typing import Any

import pytest
from django.db import connection

from tests.tracking.suite.conftest import Browser
from tests.tracking.suite.trouble import lock_held, table_missing
from tracking import health, log_activity, log_login
from tracking.models import ActivityLog, LoginEvent
from tracking.storage import spool
from tracking.storage.write import database_pause, replay_spool

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_replay_waits_for_no_lock(user: Any) -> None:
    with table_missing("login_events"):
        Browser("sync").log_in()
    database_pause.here.until = database_pause.here.replay_at = 0.0

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
    database_pause.here.until = 0.0

    assert replay_spool() >= 1

    assert ActivityLog.objects.get().action == "good"
    assert spool.is_empty()
    assert len((folder / spool.REFUSED).read_text().splitlines()) == 3


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


@pytest.mark.parametrize("name", ["../../elsewhere", "/elsewhere", "..", "a/b", "münchen"])
def test_the_spool_of_a_tenant_is_a_folder_within_the_spool(
    db: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    without = spool.folder()
    monkeypatch.setattr(connection, "schema_name", name, raising=False)

    assert spool.folder().parent == without
    assert spool.folder().resolve().parent == without.resolve()
