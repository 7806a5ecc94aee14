"""Runs a real site under gunicorn with two workers, on a Redis that can be made to fail."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
import pytest

from cortex.embedded.ports import free_port
from cortex.embedded.postgres import EmbeddedPostgres
from tests.cortex.browser import Browser
from tests.cortex.cache.faulty_redis import FaultyRedis
from tests.paths import PROJECT

WORKERS = 2
EMAIL, PASSWORD = "root@example.com", "correct horse battery staple"
METRICS_TOKEN = "for tests"
FILL = f"""
from cortex.models import Pov, User
root = User.objects.create_superuser({EMAIL!r}, {PASSWORD!r})
Pov.objects.bulk_create(Pov(title=f"POV {{n}}", customer="Acme", owner=root) for n in range(120))
"""


@dataclass
class Site:
    database_url: str
    redis: FaultyRedis
    environment: dict[str, str]
    port: int
    process: psutil.Process | None = None

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def browser(self) -> Browser:
        return Browser(self.port)

    def logged_in(self) -> Browser:
        browser = self.browser()
        browser.log_in(EMAIL, PASSWORD)
        return browser

    def workers(self) -> list[psutil.Process]:
        assert self.process is not None
        return self.process.children()

    def kill_workers(self) -> None:
        """Kills the workers with SIGKILL. gunicorn starts others."""
        killed = self.workers()
        for worker in killed:
            worker.kill()
        psutil.wait_procs(killed, timeout=10)
        wait_until(lambda: len(self.workers()) == WORKERS)

    def is_back(self) -> bool:
        """Whether ten responses in a row, from either worker, report that Redis is available."""
        token = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        answers = [self.browser().get("/metrics", **token).text for _ in range(10)]
        return all('cortex_cache_breaker_open{alias="sessions"} 0.0' in answer for answer in answers)

    def answers(self) -> bool:
        try:
            return self.browser().get("/admin/login/").status == 200
        except OSError:
            return False


def wait_until(condition: Any, seconds: float = 30) -> float:
    """Waits, and returns the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "the condition was not met in time"
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def built_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    for parent in (folder, folder.parent):
        parent.chmod(0o711)  # for the account that root's servers run as
    redis = FaultyRedis(os.environ["REDIS_URL"])
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        environment = os.environ | {
            "DATABASE_URL": server.url,
            "REDIS_URL": redis.url,
            "CORTEX_LOCAL_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "cortex.settings",
            "METRICS_TOKEN": METRICS_TOKEN,
        }
        site = Site(server.url, redis, environment, free_port())
        site.manage("migrate", "--verbosity", "0")
        site.manage("shell", "--verbosity", "0", "--command", FILL)
        yield site
    redis.close()


@pytest.fixture(scope="module")
def running_site(built_site: Site) -> Iterator[Site]:
    site = built_site
    command = [sys.executable, "-m", "gunicorn", "cortex.wsgi", "--workers", str(WORKERS)]
    command += ["--bind", f"127.0.0.1:{site.port}", "--log-level", "error"]
    process = subprocess.Popen(command, env=site.environment, cwd=PROJECT, stderr=subprocess.DEVNULL)
    try:
        site.process = psutil.Process(process.pid)
        wait_until(site.answers)
        yield site
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def site(running_site: Site) -> Site:
    """The site with a working Redis, whatever the previous test did to it."""
    running_site.redis.mode = "pass"
    wait_until(running_site.is_back)
    return running_site
