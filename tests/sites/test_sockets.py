"""Tests on real servers with two processes that WebSockets end with their session."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.tracking.servers import Server, Site, site_with_people

pytestmark = pytest.mark.alone

SECONDS_PROMISED = 5.0
SERVER = (
    "uvicorn", "tests.sites.hosts.sockets_asgi:application", "--log-level", "error", "--port", "{port}",
    "--workers", "{workers}",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_with_people(tmp_path_factory.mktemp("sockets"), 4, "tests.sites.hosts.sockets") as made:
        yield made


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with site.serving(SERVER) as serving:
        yield serving


def socket(server: Server, cookie: str) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/ws/", additional_headers={"Cookie": f"sessionid={cookie}"})


def ask(connection: ClientConnection, **message: Any) -> str:
    connection.send(json.dumps(message))
    return str(json.loads(connection.recv(timeout=10))["user"])


def ask_until(connection: ClientConnection, moment: float) -> None:
    while time.monotonic() < moment:
        ask(connection)
        time.sleep(0.1)


def test_a_silent_and_a_busy_socket_end_with_their_session(site: Site, server: Server) -> None:
    cookie, other = server.log_in("p0@example.com"), server.log_in("p1@example.com")
    with socket(server, cookie) as silent, socket(server, cookie) as busy, socket(server, other) as others:
        assert ask(silent) == ask(busy) == "p0@example.com"
        assert ask(others) == "p1@example.com"

        site.end_sessions("p0@example.com")

        ended = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            ask_until(busy, ended + SECONDS_PROMISED)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        with pytest.raises(ConnectionClosed):
            silent.recv(timeout=max(0.1, SECONDS_PROMISED - (time.monotonic() - ended)))
        assert ask(others) == "p1@example.com"


def test_who_connects_with_an_ended_session_is_nobody(site: Site, server: Server) -> None:
    cookie = server.log_in("p2@example.com")
    with socket(server, cookie) as connection:
        assert ask(connection) == "p2@example.com"
    site.end_sessions("p2@example.com")
    time.sleep(SECONDS_PROMISED)

    with socket(server, cookie) as connection:
        assert ask(connection) == "AnonymousUser"


def test_a_login_and_a_logout_over_a_socket_are_recorded(site: Site, server: Server) -> None:
    with socket(server, "") as connection:
        assert ask(connection, **{"log in": "p3@example.com"}) == "p3@example.com"
        rows = site.sql(
            "SELECT success, l.login_method, host(l.ip_address), s.ended_at IS NULL FROM login_events l "
            "JOIN user_sessions s ON s.id = l.session_id JOIN people_person p ON p.id = l.user_id "
            "WHERE p.email = 'p3@example.com'"
        )
        assert rows == [(True, "other", "127.0.0.1", True)]

        ask(connection, **{"log out": True})

        assert site.sql(
            "SELECT end_reason FROM user_sessions s JOIN people_person p ON p.id = s.user_id "
            "WHERE p.email = 'p3@example.com'"
        ) == [("logout",)]
