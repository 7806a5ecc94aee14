"""Logins through a real gunicorn, the workers of which are killed: who got a session cookie has exactly one event."""

import http.client
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import psycopg
import pytest

from cortex.embedded import EmbeddedPostgres
from cortex.embedded.ports import free_port

pytestmark = pytest.mark.alone

PROJECT = Path(__file__).resolve().parent.parent.parent
LOGINS = int(os.environ.get("TRACKING_LOGINS", "300"))
KILLS = max(4, LOGINS // 40)
CLIENTS = 6
PASSWORD = "correct horse battery staple"
MAKE_PEOPLE = """
from tests.tracking.hosts.people.models import Person
from django.contrib.auth.hashers import make_password
password = make_password({password!r})
Person.objects.bulk_create(Person(email=f"p{{n}}@example.com", password=password) for n in range({number}))
"""


END_SESSIONS = """
from tracking.models import UserSession
UserSession.objects.filter(user__email="p0@example.com").end("ended_by_admin")
"""


@dataclass
class Site:
    server: EmbeddedPostgres
    environment: dict[str, str]
    port: int

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

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("acknowledged")
    for parent in (folder, folder.parent):
        parent.chmod(0o711)  # for the account that root's servers run as
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        environment = os.environ | {
            "DATABASE_URL": server.url,
            "DJANGO_SETTINGS_MODULE": "tests.tracking.hosts.atomic",
            "HOST_SPOOL": str(folder / "spool"),
            "PYTHONPATH": str(PROJECT),
        }
        site = Site(server, environment, free_port())
        site.manage("migrate", "--verbosity", "0")
        site.manage(
            "shell", "--verbosity", "0", "--command", MAKE_PEOPLE.format(password=PASSWORD, number=LOGINS)
        )
        yield site


@pytest.fixture
def gunicorn(site: Site) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "gunicorn",
                "tests.tracking.hosts.wsgi",
                "--workers",
                "2",
                "--log-level",
                "error",
            ),
            *("--bind", f"127.0.0.1:{site.port}"),
        ],
        env=site.environment,
        cwd=PROJECT,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_it_answers(site.port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_it_answers(port: int) -> None:
    for _ in range(300):
        try:
            if call(port, "GET", "/page/")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("gunicorn does not answer")


def call(
    port: int, method: str, path: str, body: str = "", cookie: str = ""
) -> tuple[int, dict[str, str], str]:
    """Status, cookies and body of one request on a connection of its own. Raises OSError where no answer comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        cookies = dict(
            re.match("([^=]+)=([^;]*)", value).groups() for value in answer.headers.get_all("Set-Cookie", [])
        )  # type: ignore[union-attr]
        return answer.status, cookies, text
    except http.client.HTTPException as error:
        raise OSError("no whole answer") from error
    finally:
        connection.close()


def log_in(port: int, name: str) -> str:
    """The session cookie that the client got, if it did."""
    _, cookies, page = call(port, "GET", "/login/")
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = urlencode({"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token[1]})
    status, cookies, _ = call(port, "POST", "/login/", form, cookie=f"csrftoken={cookies['csrftoken']}")
    return cookies.get("sessionid", "") if status == 302 else ""


def test_who_got_a_cookie_has_exactly_one_event(site: Site, gunicorn: psutil.Process) -> None:
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}")
    randomness = random.Random(seed)
    names = [f"p{number}@example.com" for number in range(LOGINS)]
    waiting, acknowledged = list(names), set()
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                name = waiting.pop()
            try:
                if log_in(site.port, name):
                    acknowledged.add(name)
            except OSError:
                time.sleep(
                    0.05
                )  # the worker was killed with our request: whether we are logged in, nobody knows

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    kills = 0
    while any(thread.is_alive() for thread in clients):
        time.sleep(randomness.uniform(0.05, 0.3))
        workers = gunicorn.children()
        if kills < KILLS and workers:
            randomness.choice(workers).kill()
            kills += 1
    for thread in clients:
        thread.join()
    site.manage("drain_events", "--once")

    events = dict(site.sql("SELECT identifier, count(*) FROM login_events WHERE success GROUP BY identifier"))
    assert kills >= 4
    assert len(acknowledged) > LOGINS // 2
    assert {name: events.get(name, 0) for name in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert set(events.values()) == {1}
    sessions = dict(site.sql("SELECT user_id::text, count(*) FROM user_sessions GROUP BY user_id"))
    assert set(sessions.values()) == {1}


def test_an_ended_session_is_refused_by_every_process_within_five_seconds(
    site: Site, gunicorn: psutil.Process
) -> None:
    cookie = f"sessionid={log_in(site.port, 'p0@example.com')}"
    for _ in range(20):  # by then each of the two workers has seen it
        assert call(site.port, "GET", "/who/", cookie=cookie)[2] == "p0@example.com"

    site.manage("shell", "--verbosity", "0", "--command", END_SESSIONS)
    time.sleep(5)

    assert {call(site.port, "GET", "/who/", cookie=cookie)[2] for _ in range(20)} == {"nobody"}
