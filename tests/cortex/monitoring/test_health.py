"""The probes, with real services; a service that is away is an address where nobody listens."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client

from tests.paths import PROJECT

NOBODY = "127.0.0.1:1"
ASK = """
import django, sys
django.setup()
from django.test import Client
for path in sys.argv[1:]:
    answer = Client().get(path, headers={"host": "10.0.0.7:8000"})
    print(answer.status_code, answer.content.decode())
"""


def ask(*paths: str, **environment: str) -> list[tuple[int, dict[str, Any]]]:
    """Asks a site in a separate process with this environment, without knowing its host name."""
    result = subprocess.run(
        [sys.executable, "-c", ASK, *paths],
        cwd=PROJECT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "cortex.settings"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    answers = [line.split(" ", 1) for line in result.stdout.splitlines()]
    return [(int(status), json.loads(content)) for status, content in answers]


def test_a_healthy_site_is_alive_and_ready() -> None:
    alive, ready = ask("/healthz", "/readyz")

    assert alive == (200, {"status": "ok"})
    assert ready == (200, {"status": "ready", "database": "ok", "cache": "ok", "sessions": "ok"})


def test_without_a_database_it_is_alive_but_not_ready_and_tells_no_secret() -> None:
    alive, ready = ask("/healthz", "/readyz", DATABASE_URL=f"postgres://ann:very-secret@{NOBODY}/shop")

    assert alive == (200, {"status": "ok"})
    assert ready == (503, {"status": "not ready", "database": "away", "cache": "ok", "sessions": "ok"})


def test_without_a_cache_it_is_ready_and_says_so() -> None:
    (ready,) = ask("/readyz", REDIS_URL=f"redis://{NOBODY}/0", SESSIONS_REDIS_URL=os.environ["REDIS_URL"])

    assert ready == (200, {"status": "ready", "database": "ok", "cache": "away", "sessions": "ok"})


def test_without_the_redis_of_the_sessions_it_is_ready_and_says_so() -> None:
    (ready,) = ask("/readyz", SESSIONS_REDIS_URL=f"redis://{NOBODY}/0")

    assert ready == (200, {"status": "ready", "database": "ok", "cache": "ok", "sessions": "away"})


def test_without_a_redis_configured_there_is_none_to_be_away() -> None:
    (ready,) = ask("/readyz", REDIS_URL="", CORTEX_LOCAL_DIR=os.devnull)

    assert ready == (200, {"status": "ready", "database": "ok", "cache": "ok", "sessions": "ok"})


def test_probes_are_answered_without_https_where_all_else_is_sent_there() -> None:
    (alive,) = ask("/healthz", SERVED_OVER_HTTPS="on")

    assert alive == (200, {"status": "ok"})


@pytest.mark.django_db
def test_a_probe_leaves_no_session_and_is_kept_by_nobody(client: Client) -> None:
    response = client.get("/readyz")

    assert not response.cookies
    assert "no-store" in response.headers["Cache-Control"]
