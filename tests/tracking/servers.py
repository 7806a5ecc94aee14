"""Runs a host site on a real server with several processes, and a separate PostgreSQL."""

import contextlib
import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import psycopg

from cortex.embedded.ports import free_port
from cortex.embedded.postgres import EmbeddedPostgres
from tests.paths import PROJECT

PASSWORD = "correct horse battery staple"
MAKE_PEOPLE = """
from tests.tracking.hosts.people.models import Person
from django.contrib.auth.hashers import make_password
password = make_password({password!r})
Person.objects.bulk_create(Person(email=f"p{{n}}@example.com", password=password) for n in range({number}))
"""
END_SESSIONS = """
from tracking.models import UserSession
UserSession.objects.filter(user__email="{name}").end("ended_by_admin")
"""
SYNC = (
    "gunicorn",
    "tests.tracking.hosts.wsgi",
    "--log-level",
    "error",
    "--bind",
    "127.0.0.1:{port}",
    "--workers",
    "{workers}",
)
ASYNC = (
    "uvicorn",
    "tests.tracking.hosts.asgi:application",
    "--log-level",
    "error",
    "--port",
    "{port}",
    "--workers",
    "{workers}",
)


@dataclass
class Site:
    server: EmbeddedPostgres
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, code: str) -> None:
        """Run code within Django, in a separate process."""
        self.manage("shell", "--verbosity", "0", "--command", code)

    def end_sessions(self, name: str) -> None:
        self.run(END_SESSIONS.format(name=name))

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    @contextlib.contextmanager
    def serving(
        self, server: tuple[str, ...], *, workers: int = 2, host: str = "127.0.0.1"
    ) -> Iterator["Server"]:
        port = free_port()
        command = [sys.executable, "-m", *(part.format(port=port, workers=workers) for part in server)]
        process = subprocess.Popen(command, env=self.environment, cwd=PROJECT, stderr=subprocess.DEVNULL)
        found = Server(port, psutil.Process(process.pid), host)
        try:
            found.wait()
            yield found
        finally:
            process.terminate()
            process.wait(timeout=30)


@dataclass(frozen=True)
class Server:
    port: int
    process: psutil.Process
    host: str = "127.0.0.1"

    def wait(self) -> None:
        for _ in range(300):
            try:
                if self.call("GET", "/page/")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def call(
        self, method: str, path: str, body: str = "", cookie: str = ""
    ) -> tuple[int, dict[str, str], str]:
        """Return status, cookies and body of a request on a new connection. Raises OSError without a response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {
                "Host": self.host,
                "Cookie": cookie,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            cookies = dict(
                re.match("([^=]+)=([^;]*)", value).groups()  # type: ignore[union-attr]
                for value in answer.headers.get_all("Set-Cookie", [])
            )
            return answer.status, cookies, text
        except http.client.HTTPException as error:
            raise OSError("no whole answer") from error
        finally:
            connection.close()

    def log_in(self, name: str, password: str = PASSWORD) -> str:
        """Sign in, and return the session cookie; "" if the client got none."""
        _, cookies, page = self.call("GET", "/login/")
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        form = urlencode({"username": name, "password": password, "csrfmiddlewaretoken": token[1]})
        status, cookies, _ = self.call("POST", "/login/", form, cookie=f"csrftoken={cookies['csrftoken']}")
        return cookies.get("sessionid", "") if status == 302 else ""

    def who(self, cookie: str) -> str:
        return self.call("GET", "/who/", cookie=f"sessionid={cookie}")[2]


@contextlib.contextmanager
def site_of(settings: str, folder: Path) -> Iterator[Site]:
    """Yield a site with an empty database on a server of its own."""
    for parent in (folder, folder.parent):
        parent.chmod(0o711)  # for the account under which root's servers run
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        environment = os.environ | {
            "DATABASE_URL": server.url,
            "DJANGO_SETTINGS_MODULE": settings,
            "HOST_SPOOL": str(folder / "spool"),
            "PYTHONPATH": str(PROJECT),
        }
        yield Site(server, environment)


@contextlib.contextmanager
def site_with_people(
    folder: Path, number: int, settings: str = "tests.tracking.hosts.atomic"
) -> Iterator[Site]:
    with site_of(settings, folder) as site:
        site.manage("migrate", "--verbosity", "0")
        site.run(MAKE_PEOPLE.format(password=PASSWORD, number=number))
        yield site
