import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cortex.embedded.state import read_state, running_urls
from tests.paths import PROJECT


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    local = tmp_path / "local"
    monkeypatch.setenv("CORTEX_LOCAL_DIR", str(local))
    yield local
    services("down", "--delete-data")


def services(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "services", *arguments],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": "", "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "cortex.settings"},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_up_twice_status_and_down(local: Path) -> None:
    assert services("status").returncode == 1

    first, second = services("up"), services("up")

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout == second.stdout
    assert "postgres runs on 127.0.0.1:" in services("status").stdout
    assert services("down").stdout == "Stopped postgres and valkey.\n"
    assert services("down").stdout == "Nothing was running.\n"
    assert running_urls(local).database_url == ""


def test_data_and_port_are_kept_between_starts(local: Path) -> None:
    services("up")
    before = read_state(local)["postgres"]
    with psycopg.connect(before.url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    services("down")

    services("up")

    after = read_state(local)["postgres"]
    assert after.url == before.url
    with psycopg.connect(after.url) as connection:
        connection.execute("SELECT number FROM kept")


def test_up_after_both_were_killed(local: Path) -> None:
    services("up")
    for server in read_state(local).values():
        os.kill(server.pid, signal.SIGKILL)
    assert services("status").returncode == 1

    result = services("up")

    assert result.returncode == 0, result.stderr
    psycopg.connect(running_urls(local).database_url).close()


def test_data_is_deleted_when_asked(local: Path) -> None:
    services("up")
    files = Path(read_state(local)["postgres"].home)

    result = services("down", "--delete-data")

    assert result.stdout == "Stopped postgres and valkey.\nTheir data is deleted.\n"
    assert not files.exists()


def test_the_passwords_are_for_the_owner_only(local: Path) -> None:
    services("up")

    assert (local / "services.json").stat().st_mode & 0o077 == 0
    assert (local / "postgres" / "password").stat().st_mode & 0o077 == 0
