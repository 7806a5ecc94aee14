"""Tests that a receiver that is slow, down or hostile costs the sender ten seconds at most, and learns nothing."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.delivery import receiver as habits
from tests.tracking.delivery.receiver import Receiver, receiving, resolving_to
from tracking.delivery import connection
from tracking.delivery.exceptions import NotSent

HERE = ("localhost",)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def post(url: str, **options: Any) -> int:
    return connection.post(url, b"{}", {"X-Test": "1"}, **options)


def test_a_request_arrives_whole_with_the_name_of_the_host(receiver: Receiver) -> None:
    assert post(receiver.url, private_hosts=HERE) == 204

    line, headers, body = receiver.requests[0]
    assert line == "POST /hook?a=1 HTTP/1.1"
    assert headers["Host"] == f"localhost:{receiver.port}"
    assert (headers["X-Test"], body) == ("1", b"{}")


def test_a_proxy_of_the_environment_is_ignored(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert post(receiver.url, private_hosts=HERE) == 204


@pytest.mark.parametrize("habit", [habits.says_nothing, habits.dribbles])
def test_a_slow_receiver_costs_no_more_than_the_limit(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, habit: Any
) -> None:
    monkeypatch.setattr(connection, "TOTAL_SECONDS", 1.0)
    receiver.habit = habit
    began = time.monotonic()

    with pytest.raises(NotSent, match="no answer within 1 seconds"):
        post(receiver.url, private_hosts=HERE)

    assert time.monotonic() - began < 2


def test_a_slow_resolver_costs_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "TOTAL_SECONDS", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3) or [])
    began = time.monotonic()

    with pytest.raises(NotSent, match="no answer within"):
        post("https://slow.example.com/")

    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("habit", "reason"),
    [
        (habits.hangs_up, "the connection failed"),
        (habits.talks_without_end, "the answer is too long"),
        (habits.speaks_no_http, "the connection failed (BadStatusLine)"),
    ],
)
def test_a_hostile_receiver_is_a_failure_that_quotes_nothing(
    receiver: Receiver, habit: Any, reason: str
) -> None:
    receiver.habit = habit

    with pytest.raises(NotSent) as caught:
        post(receiver.url, private_hosts=HERE)

    assert reason in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "SSH" not in str(caught.value)


def test_a_huge_answer_is_not_read(receiver: Receiver) -> None:
    sent = []

    def habit(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            client.sendall(b"x" * 65_536)
            sent.append(65_536)

    receiver.habit = habit

    assert post(receiver.url, private_hosts=HERE) == 200
    time.sleep(0.2)
    assert sum(sent) < 50_000_000  # what fits into the buffers of the two sockets


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NotSent, match=r"the connection failed \(ConnectionRefusedError\)"):
        post(f"http://localhost:{port}/", private_hosts=HERE)


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("10.1.2.3",), ("169.254.169.254",), ("8.8.8.8", "192.168.0.1"), ("::ffff:7f00:1",)],
)
def test_a_name_that_leads_to_a_private_address_is_refused(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(*addresses))

    with pytest.raises(NotSent, match="the name of the host leads to a private address"):
        post(f"https://hook.example.com:{receiver.port}/")

    assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "localhost", "127.1"])
def test_an_address_in_any_notation_is_refused_as_well(receiver: Receiver, host: str) -> None:
    with pytest.raises(NotSent, match="private address|unknown"):
        post(f"https://{host}:{receiver.port}/")

    assert receiver.requests == []


def test_the_name_is_resolved_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = resolving_to("127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolver(host, *rest, **more))

    assert post(f"http://hook.internal:{receiver.port}/", private_hosts=("hook.internal",)) == 204

    assert [name for name in resolver.asked if name == "hook.internal"] == ["hook.internal"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://", "https://user:pass@example.com/", "https://x/#y",
        "https://example.com/\r\nX-Injected: 1", "https://example.com/a b", "https://exämple.com/", "https://x:99999/",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(NotSent, match="the address is"):
        post(url)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out", path],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture
def tls_receiver(certificate: Path) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with receiving(context) as found:
        yield found


def test_https_needs_a_certificate_for_the_name(
    tls_receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotSent, match=r"the certificate is not valid \(self[- ]signed certificate\)"):
        post(tls_receiver.url, private_hosts=HERE)

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert post(tls_receiver.url, private_hosts=HERE) == 204

    with pytest.raises(NotSent, match="Hostname mismatch|IP address mismatch"):
        post(tls_receiver.url.replace("localhost", "127.0.0.1"), private_hosts=("127.0.0.1",))
    assert len(tls_receiver.requests) == 1


def test_the_handshake_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "TOTAL_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(NotSent, match="no answer within"):
        post(f"https://localhost:{listener.getsockname()[1]}/", private_hosts=HERE)
