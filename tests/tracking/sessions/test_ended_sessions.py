"""Tests on real servers that a busy session stays ended when another process ended it."""

import time
from collections.abc import Iterator

import pytest

from tests.tracking.servers import ASYNC, SYNC, Server, Site, site_with_people

pytestmark = pytest.mark.alone

SECONDS_PROMISED = 5.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_with_people(tmp_path_factory.mktemp("ended"), 4) as made:
        yield made


@pytest.mark.parametrize(
    ("server", "name", "pause"),
    [
        pytest.param(SYNC, "p0@example.com", 0.05, id="sync, very busy"),
        pytest.param(ASYNC, "p1@example.com", 0.4, id="async, busy"),
        pytest.param(SYNC, "p0@example.com", 0.4, id="sync, busy", marks=pytest.mark.long),
        pytest.param(ASYNC, "p1@example.com", 0.05, id="async, very busy", marks=pytest.mark.long),
    ],
)
def test_a_busy_session_is_refused_within_five_seconds(
    site: Site, server: tuple[str, ...], name: str, pause: float
) -> None:
    with site.serving(server) as serving:
        cookie = serving.log_in(name)
        keep_busy(serving, cookie, name=name, pause=pause, seconds=2.0)

        site.end_sessions(name)

        ended = time.monotonic()
        while serving.who(cookie) == name:
            assert time.monotonic() - ended < SECONDS_PROMISED
            time.sleep(pause)
        while time.monotonic() - ended < SECONDS_PROMISED:
            time.sleep(0.1)
        assert {serving.who(cookie) for _ in range(20)} == {"nobody"}


def keep_busy(serving: Server, cookie: str, *, name: str, pause: float, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert serving.who(cookie) == name
        time.sleep(pause)
