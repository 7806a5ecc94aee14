"""Tests that no fault of tracking changes a login, and that spooled events are written later."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from tests.tracking.suite.conftest import PASSWORD, Browser, make_user
from tests.tracking.suite.trouble import inserts_refused, lock_held, table_missing
from tracking import health
from tracking.device import parse
from tracking.models import LoginEvent, UserSession
from tracking.signals import login_recorded
from tracking.storage import spool
from tracking.storage.write import database_pause, replay_spool

pytestmark = pytest.mark.django_db(transaction=True)

Fault = Callable[[Any, pytest.MonkeyPatch], AbstractContextManager[None]]


@contextlib.contextmanager
def parser_raises(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def broken(text: str) -> Any:
        raise RuntimeError("the parser is broken")

    parse.parsed.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(parse, "kind_of", broken)
        yield


@contextlib.contextmanager
def receiver_raises() -> Iterator[None]:
    def broken(**kwargs: Any) -> None:
        raise RuntimeError("a receiver of the site's is broken")

    login_recorded.connect(broken)
    try:
        yield
    finally:
        login_recorded.disconnect(broken)


@contextlib.contextmanager
def spool_unwritable(settings: Any) -> Iterator[None]:
    """Break the spool as well, with a file in place of its folder."""
    folder = Path(settings.TRACKING["SPOOL_DIR"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    blocked = folder.with_name("blocked")
    blocked.write_text("")
    before = settings.TRACKING
    settings.TRACKING = before | {"SPOOL_DIR": str(blocked)}
    with table_missing("login_events"):
        yield
    settings.TRACKING = before


@contextlib.contextmanager
def redis_is_away(settings: Any) -> Iterator[None]:
    before = settings.TRACKING
    settings.TRACKING = before | {"WRITER": "stream", "STREAM_URL": "redis://127.0.0.1:1/0"}
    yield
    settings.TRACKING = before


FAULTS: dict[str, Fault] = {
    "none": lambda settings, patch: contextlib.nullcontext(),
    "login table missing": lambda settings, patch: table_missing("login_events"),
    "session table missing": lambda settings, patch: table_missing("user_sessions"),
    "alert table missing": lambda settings, patch: table_missing("security_alerts"),
    "logins refused by the database": lambda settings, patch: inserts_refused("login_events"),
    "sessions refused by the database": lambda settings, patch: inserts_refused("user_sessions"),
    "login table locked": lambda settings, patch: lock_held("login_events"),
    "both tables locked": lambda settings, patch: lock_held("login_events", "user_sessions"),
    "parser raises": lambda settings, patch: parser_raises(patch),
    "receiver raises": lambda settings, patch: receiver_raises(),
    "spool unwritable": lambda settings, patch: spool_unwritable(settings),
    "redis away": lambda settings, patch: redis_is_away(settings),
}
# After these there is nothing to replay, because the event could not be stored anywhere.
LOSES = ("spool unwritable",)
REQUESTS = {
    "plain": {},
    "NUL in the user agent": {"user-agent": "Mozilla\0/5.0"},
    "user agent of a mebibyte": {"user-agent": "x" * 2**20},
    "user agent with half a character": {"user-agent": "Mozilla \udce9"},
    "no user agent": {"user-agent": ""},
    "forged chain": {"x-forwarded-for": "<script>, 999.1.1.1, ::ffff:10.0.0.1%eth0:80, "},
}


def visit(browser: Browser, headers: dict[str, str], name: str = "ann@example.com") -> list[Any]:
    """Return what a browser sees of a failure, a login, a page and a logout."""
    steps: list[tuple[str, str, dict[str, str]]] = [
        ("post", "/login/", {"username": name, "password": "wrong"}),
        ("post", "/login/", {"username": "ann@example.com", "password": PASSWORD}),
        ("get", "/who/", {}),
        ("post", "/logout/", {}),
        ("get", "/who/", {}),
    ]
    answers = []
    for method, path, data in steps:
        answer = (
            getattr(browser, method)(path, data, headers=headers)
            if data
            else getattr(browser, method)(path, headers=headers)
        )
        cookies = {
            key: (cookie["path"], cookie["httponly"], cookie["max-age"])
            for key, cookie in answer.cookies.items()
        }
        headers_seen = {
            key: value for key, value in answer.headers.items() if key not in ("Content-Length", "Expires")
        }
        body = answer.content if path == "/who/" else b""
        answers.append((answer.status_code, headers_seen, cookies, body))
    return answers


@contextlib.contextmanager
def without_tracking(settings: Any) -> Iterator[None]:
    before = settings.MIDDLEWARE
    settings.MIDDLEWARE = [name for name in before if "tracking" not in name]
    for signal, name in (
        (user_logged_in, "login"),
        (user_login_failed, "failure"),
        (user_logged_out, "logout"),
    ):
        signal.disconnect(dispatch_uid=f"tracking.{name}")
    try:
        yield
    finally:
        settings.MIDDLEWARE = before
        apps.get_app_config("tracking").ready()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_login_answers_as_it_would_without_tracking(
    browser: Browser, user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with without_tracking(settings):
        expected = visit(Browser(browser.kind), {})

    with FAULTS[fault](settings, monkeypatch):
        began = time.monotonic()
        answers = visit(browser, {})
        seconds = time.monotonic() - began

    assert answers == expected
    assert seconds < 3, "each answer may wait for a lock, but not for long"
    everything_is_there_in_the_end(fault)


def everything_is_there_in_the_end(fault: str) -> None:
    database_pause.here.until = 0.0
    replay_spool()
    assert spool.is_empty()
    if fault in LOSES:
        assert health.counts()["faults"]
        return
    assert sorted(LoginEvent.objects.values_list("success", flat=True)) == [False, True]
    session = UserSession.objects.get()
    assert session.end_reason == "logout"


@pytest.mark.parametrize("request_kind", REQUESTS)
@pytest.mark.parametrize(
    "name", ["ann@example.com", "a\0b", "\u202ea\u2028b", "x" * 10_000, "ann@example.com\r\nfake: line"]
)
def test_a_hostile_request_answers_as_it_would_without_tracking(
    user: Any, settings: Any, caplog: pytest.LogCaptureFixture, request_kind: str, name: str
) -> None:
    headers = REQUESTS[request_kind]
    settings.TRACKING = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 2}
    with without_tracking(settings):
        expected = visit(Browser("sync"), headers, name)

    answers = visit(Browser("sync"), headers, name)

    assert answers == expected
    assert not [record for record in caplog.records if record.name == "tracking"]
    assert LoginEvent.objects.filter(success=True).count() == 1


def test_logins_go_on_while_the_table_is_locked_and_all_are_there_afterwards(settings: Any) -> None:
    names = [f"user-{number}@example.com" for number in range(20)]
    for name in names:
        make_user(name)

    with lock_held("login_events", "user_sessions"):
        began = time.monotonic()
        for name in names:
            assert Browser("sync").log_in(name).status_code == 302
        seconds = time.monotonic() - began

    assert seconds < 20 * 0.25
    database_pause.here.until = 0.0
    replay_spool()
    assert sorted(LoginEvent.objects.values_list("identifier", flat=True)) == sorted(names)
    assert UserSession.objects.open().count() == len(names)


def test_whoever_writes_next_takes_the_spool_in(user: Any) -> None:
    with table_missing("login_events"):
        Browser("sync").log_in()
    database_pause.here.until = database_pause.here.replay_at = 0.0

    Browser("sync").log_in()

    assert LoginEvent.objects.count() == 2
    assert spool.is_empty()


def test_the_spool_is_for_its_owner_alone(user: Any, settings: Any) -> None:
    with table_missing("login_events"):
        Browser("sync").log_in()

    folder = settings.TRACKING["SPOOL_DIR"]
    assert os.stat(folder).st_mode & 0o077 == 0
    assert os.stat(Path(folder) / spool.NAME).st_mode & 0o077 == 0


def test_a_link_in_place_of_the_spool_is_not_followed(user: Any, settings: Any, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = Path(settings.TRACKING["SPOOL_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / spool.NAME).symlink_to(victim)

    with table_missing("login_events"):
        assert Browser("sync").log_in().status_code == 302

    assert victim.read_text() == "precious"
    assert health.counts()["dropped"]
