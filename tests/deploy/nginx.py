"""Runs nginx with deploy/nginx, and clients of it: from any network, and with endless bodies."""

import http.client
import json
import os
import ssl
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from cortex.embedded.ports import free_port
from tests.deploy.production import DOMAIN, Place, installed, listens

THIS_MACHINE = "127.0.0.1"
NOWHERE = f"{THIS_MACHINE}:9"
# Lines that the file has as comments, for a load balancer → the lines in use.
BEHIND = {
    "#set_real_ip_from 10.0.0.0/8": "set_real_ip_from {balancer}",
    "#real_ip_header": "real_ip_header",
    "#real_ip_recursive": "real_ip_recursive",
}


# Limits have a memory, so each test uses networks of its own.
numbers = count()


def new_network() -> str:
    number = next(numbers)
    return f"198.18.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True)
class Nginx:
    place: Place
    name: str
    pid: int = 0
    address: str = THIS_MACHINE
    plain: int = field(default_factory=free_port)
    secure: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)

    @property
    def folder(self) -> Path:
        """The container's /tmp."""
        return self.place.folder / self.name

    @property
    def cache(self) -> Path:
        """The container's /var/cache/nginx."""
        return self.place.folder / f"{self.name}-cache"

    @property
    def certificate(self) -> str:
        return str(self.place.secrets / "tls_certificate")

    def bytes_on_disk(self) -> int:
        """The size of temporary files. They are unlinked, so only the processes that have them open show them."""
        return sum(
            size_of(opened)
            for worker in psutil.Process(self.pid).children()
            for opened in Path(f"/proc/{worker.pid}/fd").iterdir()
            if self.cache.name in target_of(opened)
        )

    def ask(
        self, path: str, *, method: str = "GET", body: bytes = b"", network: str = "", **headers: str
    ) -> "tuple[http.client.HTTPResponse, bytes]":
        """Sends a request of a client with that address, as a load balancer on this machine would pass it on."""
        connection = TrustingConnection(self.secure, self.certificate, address=self.address)
        told = {"Host": DOMAIN, "Connection": "close", "X-Forwarded-For": network}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, {name: value for name, value in told.items() if value})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content


def start_nginx(
    place: Place,
    *,
    web: int,
    grafana: int = 9,
    name: str = "nginx",
    balancer: str = "",
    address: str = THIS_MACHINE,
    **environment: str,
) -> Nginx:
    """Starts nginx, behind a load balancer at that address if given. It listens at `address`, which may be "::1"."""
    made = Nginx(place, name, address=address)
    place.make(made.folder.name)
    place.make(made.cache.name)
    passing = {"/tmp/": f"{made.folder}/"}
    behind = {old: new.format(balancer=balancer) for old, new in BEHIND.items()}
    ipv6 = {
        "#listen [::]:8080": f"listen [{address}]:{made.plain}",
        "#listen [::]:8443": f"listen [{address}]:{made.secure}",
    }
    configuration = place.adapt(
        "nginx/nginx.conf",
        passing
        | {
            "/var/cache/nginx": str(made.cache),
            "listen 127.0.0.1:8081": f"listen 127.0.0.1:{made.health}",
            " listen 8080": f" listen 127.0.0.1:{made.plain}",
            " listen 8443": f" listen 127.0.0.1:{made.secure}",
            "web:8000": f"127.0.0.1:{web}",
            "grafana:3000": f"127.0.0.1:{grafana}",
            "keycloak:8080": NOWHERE,
            "/run/secrets/": f"{place.secrets}/",
            "root /srv;": f"root {place.folder};",
            "/dev/stdout": f"{made.folder}/access.log",
        }
        | (behind if balancer else {})
        | (ipv6 if ":" in address else {}),
        to=f"{name}.conf",
    )
    start = place.adapt(
        "nginx/start.sh",
        passing | {"/etc/nginx/nginx.conf": str(configuration), "exec nginx": f"exec {installed('nginx')}"},
        to=f"{name}.sh",
    )
    settings = [f"{variable}={value}" for variable, value in environment.items()]
    command = [installed("env"), *settings, "/bin/sh", str(start)]
    child = place.launch(name, command, is_up=lambda: listens(made.secure))
    return replace(made, pid=child.pid)


def nginx_test(place: Place) -> "subprocess.CompletedProcess[str]":
    """Runs nginx' own check of the file, with only the container's folders changed."""
    folder = place.make("nginx-as-it-is")
    (folder / "hsts.conf").touch()
    configuration = place.adapt(
        "nginx/nginx.conf",
        {"/tmp/": f"{folder}/", "/var/cache/nginx": str(folder), "/run/secrets/": f"{place.secrets}/"},
        to="nginx-as-it-is.conf",
    )
    return subprocess.run(
        [installed("nginx"), "-t", "-c", str(configuration)], capture_output=True, text=True
    )


def logged(nginx: Nginx, lines: int, **fields: str) -> list[dict[str, Any]]:
    """Waits for so many log lines with these fields: nginx writes a line after its response has arrived."""
    deadline = time.monotonic() + 10
    while True:
        told = [json.loads(line) for line in (nginx.folder / "access.log").read_text().splitlines()]
        found = [line for line in told if fields.items() <= line.items()]
        if len(found) >= lines:
            return found
        assert time.monotonic() < deadline, told[-lines:]
        time.sleep(0.05)


def target_of(opened: Path) -> str:
    try:
        return os.readlink(opened)
    except FileNotFoundError:  # closed meanwhile
        return ""


def size_of(opened: Path) -> int:
    try:
        return opened.stat().st_size
    except FileNotFoundError:
        return 0


class TrustingConnection(http.client.HTTPSConnection):
    """Connects to this machine, and verifies the site's certificate."""

    def __init__(self, port: int, certificate: str, *, address: str = THIS_MACHINE) -> None:
        super().__init__(DOMAIN, port, timeout=40, context=ssl.create_default_context(cafile=certificate))
        connect = self._create_connection  # type: ignore[attr-defined]
        self._create_connection = lambda asked, *rest: connect((address, asked[1]), *rest)


class HeldPost:
    """A request that announces a body of that size or in chunks, sends only its beginning, and stays open."""

    def __init__(
        self,
        nginx: Nginx,
        path: str,
        *,
        network: str,
        size: int | None = None,
        sent: int = 0,
        method: str = "POST",
    ) -> None:
        connection = TrustingConnection(nginx.secure, nginx.certificate)
        connection.connect()
        self.socket = connection.sock
        self.said = b""
        body = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
        self.send(
            f"{method} {path} HTTP/1.1\r\nHost: {DOMAIN}\r\nX-Forwarded-For: {network}\r\n{body}\r\n\r\n".encode()
        )
        self.send(bytes(sent))

    def send(self, content: bytes) -> None:
        # If nginx has rejected it by now, the response is read later.
        with suppress(OSError):
            self.socket.sendall(content)

    def status(self, *, within: float = 0.001) -> int | None:
        """The response's status; 0 if nginx hung up without one, None while it waits for the rest."""
        self.socket.settimeout(within)
        try:
            self.said += self.socket.recv(4096)
        except TimeoutError:
            return None
        except OSError:
            return 0
        return int(self.said[9:12]) if self.said else 0

    def close(self) -> None:
        self.socket.close()
