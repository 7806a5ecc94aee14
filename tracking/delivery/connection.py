"""Sends one HTTP request to a checked address, within a limit of time, and reads little of the answer.

Not with urllib or a package: those resolve the name themselves, after our check, and follow redirects and proxies.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Container
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tracking.delivery.addresses import is_public
from tracking.delivery.exceptions import NotSent

# For all together: the name, the connection, the request, and an answer that comes byte by byte.
TOTAL_SECONDS = 10.0
# Of an answer; its headers are all that counts.
MOST_BYTES = 65_536
# Of a name with many addresses. Each would have to be tried within the same time.
MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a webhook's address. Raises ValueError for an invalid one."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "Target":
        parts = urlsplit(url)
        is_visible = url.isascii() and url.isprintable() and " " not in url
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_visible:
            raise ValueError("no http(s) address")
        if "@" in parts.netloc or parts.fragment:
            raise ValueError("a name, a password or a fragment")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        return cls(parts.scheme, parts.hostname.lower(), port, path)

    @property
    def header(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == (443 if self.scheme == "https" else 80)
        return host if is_usual else f"{host}:{self.port}"


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, never 0, which would mean "do not wait". Raises TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class TimedAnswer(io.RawIOBase):
    """What a socket receives, up to a deadline and MOST_BYTES. `http.client` reads it like a socket."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline, self._left = connection, deadline, MOST_BYTES

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._deadline.left)
        if not self._left:
            raise NotSent("the answer is too long")
        received = self._connection.recv(min(len(buffer), self._left))
        buffer[: len(received)] = received
        self._left -= len(received)
        return len(received)


def post(url: str, body: bytes, headers: dict[str, str], *, private_hosts: Container[str] = ()) -> int:
    """Send the request once, and return the status of the answer. Raises NotSent.

    `private_hosts` may have addresses of a private network, and may be called by http.
    """
    try:
        target = Target.of(url)
    except ValueError:
        raise NotSent("the address is invalid") from None
    is_trusted = target.host in private_hosts
    if target.scheme == "http" and not is_trusted:
        raise NotSent("the address is not https")
    deadline = Deadline(TOTAL_SECONDS)
    try:
        addresses = _addresses_of(target, deadline)
        if not is_trusted and not all(is_public(address) for address in addresses):
            raise NotSent("the name of the host leads to a private address")
        with _connected(addresses, target.port, deadline) as raw, _secured(raw, target, deadline) as safe:
            return _exchange(safe, target, body, headers, deadline)
    except TimeoutError:
        raise NotSent(f"no answer within {TOTAL_SECONDS:.0f} seconds") from None
    except ssl.SSLCertVerificationError as error:
        raise NotSent(f"the certificate is not valid ({error.verify_message})") from None
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        # Not the error's own text: it may quote what the receiver sent.
        raise NotSent(f"the connection failed ({type(error).__name__})") from None


def _addresses_of(target: Target, deadline: Deadline) -> list[Any]:
    """Resolve the name, once. In a thread, because the system's resolver knows no limit of time."""
    found: list[Any] = []
    done = threading.Event()

    def resolve() -> None:
        try:
            found.extend(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            pass
        finally:
            done.set()

    threading.Thread(target=resolve, daemon=True).start()
    if not done.wait(deadline.left):
        raise TimeoutError
    if not found:
        raise NotSent("the name of the host is unknown")
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


def _connected(addresses: list[Any], port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first of these addresses that accepts it; the name is not looked up again."""
    last: OSError = OSError("no address")
    for address in addresses[:MOST_ADDRESSES]:
        try:
            return socket.create_connection((str(address), port), timeout=deadline.left)
        except OSError as error:
            last = error
    raise last


def _secured(raw: socket.socket, target: Target, deadline: Deadline) -> socket.socket:
    if target.scheme == "http":
        return raw
    raw.settimeout(deadline.left)
    return ssl.create_default_context().wrap_socket(raw, server_hostname=target.host)


def _exchange(
    connection: socket.socket, target: Target, body: bytes, headers: dict[str, str], deadline: Deadline
) -> int:
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.header}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    connection.settimeout(deadline.left)
    connection.sendall("\r\n".join(lines).encode("ascii") + body)
    answer = http.client.HTTPResponse(TimedAnswer(connection, deadline), method="POST")  # type: ignore[arg-type]
    try:
        answer.begin()
        return answer.status
    finally:
        answer.close()
