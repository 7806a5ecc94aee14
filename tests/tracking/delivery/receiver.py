"""A receiver of webhooks on this machine, with the bad habits of real ones."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Habit = Callable[[socket.socket], None]


def answers(status: str, *headers: str, body: bytes = b"") -> Habit:
    def habit(connection: socket.socket) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)

    return habit


NO_CONTENT = answers("204 No Content")


def says_nothing(connection: socket.socket) -> None:
    time.sleep(30)


def dribbles(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def hangs_up(connection: socket.socket) -> None:
    connection.close()


def talks_without_end(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Header: " + b"x" * 60_000 + b"\r\n")


def speaks_no_http(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-x\x1b[31m\r\nspam\r\n")


@dataclass
class Receiver:
    port: int
    habit: Habit = NO_CONTENT
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/hook?a=1"

    def serve(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, context), daemon=True).start()

    def _answer(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        with contextlib.suppress(OSError):
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                self.requests.append(read_request(connection))
                self.habit(connection)


def read_request(connection: socket.socket) -> tuple[str, dict[str, str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(header.split(": ", 1) for header in lines)
    while len(body) < int(headers["Content-Length"]):
        body += connection.recv(65_536)
    return line, headers, body


@contextlib.contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = Receiver(listener.getsockname()[1], scheme="https" if context else "http")
        thread = threading.Thread(target=receiver.serve, args=(listener, context), daemon=True)
        thread.start()
        yield receiver
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def resolving_to(*addresses: str) -> Any:
    """Return a resolver that knows every name under these addresses, and counts how often it was asked."""
    asked: list[str] = []

    def resolver(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    resolver.asked = asked  # type: ignore[attr-defined]
    return resolver
