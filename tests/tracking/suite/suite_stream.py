"""Tests the stream writer on a real server: each event arrives once, whoever is killed."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command

from tests.tracking.suite.conftest import Browser
from tracking import log_activity
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession
from tracking.storage import consumer, stream

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="no server of the Redis protocol is running"),
]


@pytest.fixture(autouse=True)
def redis(settings: Any) -> Iterator[Any]:
    key = f"tracking-test:{os.getpid()}"
    settings.TRACKING = settings.TRACKING | {
        "WRITER": "stream",
        "STREAM_URL": os.environ["REDIS_URL"],
        "STREAM_KEY": key,
    }
    client = stream.client_of(os.environ["REDIS_URL"], "default")
    client.delete(key)
    yield client
    client.delete(key)


def test_a_login_waits_in_the_stream_and_its_session_does_not(browser: Browser, user: Any) -> None:
    browser.log_in()

    assert UserSession.objects.open().count() == 1
    assert not LoginEvent.objects.exists()

    call_command("drain_events", "--once")
    assert LoginEvent.objects.get().session == UserSession.objects.get()


def test_what_was_drained_is_gone_from_the_stream(user: Any, redis: Any, settings: Any) -> None:
    for number in range(30):
        log_activity(
            "thing.done", entity=("things.thing", number), user=user, metadata={"text": 'a\t"b"\\\nü'}
        )

    call_command("drain_events", "--once")

    assert ActivityLog.objects.count() == 30
    assert ActivityLog.objects.first().metadata == {"text": 'a\t"b"\\\nü'}
    assert redis.xlen(settings.TRACKING["STREAM_KEY"]) == 0


def test_a_consumer_that_died_before_it_acknowledged_repeats_nothing(
    user: Any, redis: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        log_activity("thing.done", entity=("things.thing", number), user=user)
    dead = consumer.Consumer()
    dead.name = "dead"
    monkeypatch.setattr(dead.redis, "pipeline", _killed)
    with pytest.raises(KeyboardInterrupt):
        dead.drain_batch(block_ms=None)
    monkeypatch.undo()
    assert ActivityLog.objects.count() == 10

    monkeypatch.setattr(consumer, "ABANDONED_MS", 0)
    call_command("drain_events", "--once")

    assert ActivityLog.objects.count() == 10
    assert redis.xlen(settings.TRACKING["STREAM_KEY"]) == 0


def _killed(**kwargs: Any) -> None:
    raise KeyboardInterrupt


def test_alerts_are_raised_when_the_stream_is_drained(user: Any) -> None:
    for _ in range(12):
        Browser("sync").log_in(password="wrong")
    assert not SecurityAlert.objects.exists()

    call_command("drain_events", "--once")

    assert [alert.kind for alert in SecurityAlert.objects.all()] == ["failure_burst"]


def test_rubbish_in_the_stream_holds_nobody_up(user: Any, redis: Any, settings: Any) -> None:
    redis.xadd(settings.TRACKING["STREAM_KEY"], {"event": b"\x80\x04rubbish"})
    redis.xadd(settings.TRACKING["STREAM_KEY"], {"other": "field"})
    log_activity("thing.done", user=user)

    call_command("drain_events", "--once")

    assert ActivityLog.objects.count() == 1
    assert redis.xlen(settings.TRACKING["STREAM_KEY"]) == 0


def test_a_person_is_erased_from_what_waits_in_the_stream(user: Any, redis: Any, settings: Any) -> None:
    log_activity("thing.done", metadata={"by": user.get_username()}, user=user)
    assert redis.xlen(settings.TRACKING["STREAM_KEY"]) == 1

    call_command("erase_user", user.get_username(), "--yes")

    row = ActivityLog.objects.get()
    assert (row.user_id, row.metadata) == (None, {})
    assert redis.xlen(settings.TRACKING["STREAM_KEY"]) == 0


def test_what_another_process_drains_just_now_is_told(
    user: Any, redis: Any, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    log_activity("thing.done", user=user)
    other = consumer.Consumer()
    other._new(None)  # read, but not yet acknowledged

    call_command("erase_user", user.get_username(), "--yes")

    assert (
        "1 events in the stream, which another process is draining; run the command again"
        in capsys.readouterr().out
    )


def test_a_stream_that_is_away_is_told(user: Any, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.TRACKING = settings.TRACKING | {"STREAM_URL": "redis://127.0.0.1:1/0"}

    call_command("erase_user", user.get_username(), "--yes")

    assert "events in the stream, which could not be read" in capsys.readouterr().out
