"""Commands in a broken environment: one line, exit code 1, no traceback."""

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.paths import PROJECT


def manage(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    settings = {"DJANGO_SETTINGS_MODULE": "cortex.settings", "DATABASE_URL": "", "REDIS_URL": ""}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=os.environ | settings | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_one_line(result: "subprocess.CompletedProcess[str]", *parts: str) -> None:
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def no_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides the services that the developer may run in this checkout."""
    monkeypatch.setenv("CORTEX_LOCAL_DIR", os.devnull)


@pytest.mark.usefixtures("no_services")
@pytest.mark.parametrize("command", [["migrate"], ["runserver", "--noreload", "0"], ["showmigrations"]])
def test_no_database_at_all(command: list[str]) -> None:
    assert_one_line(manage(*command), "DATABASE_URL", "make services-up")


def test_nobody_listens() -> None:
    result = manage("migrate", DATABASE_URL="postgres://ann:secret@127.0.0.1:1/shop")

    assert_one_line(result, "The database is not available (", "refused", "Check DATABASE_URL")


def test_a_variable_that_makes_no_sense() -> None:
    assert_one_line(manage("check", DEBUG="perhaps"), "DEBUG='perhaps'", "Allowed")


def test_no_right_to_create_tables(django_db_setup: None) -> None:
    address = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reads'")
    reader = urlunsplit(address._replace(netloc=f"reader:reads@127.0.0.1:{address.port}"))

    result = manage("migrate", DATABASE_URL=reader)

    assert_one_line(result, "permission denied")


def test_a_mistake_in_the_program_is_not_hidden() -> None:
    result = manage("migrate", "--traceback", DATABASE_URL="postgres://ann:secret@127.0.0.1:1/shop")

    assert "Traceback" in result.stderr
