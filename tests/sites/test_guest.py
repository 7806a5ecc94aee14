"""Compares a host site with and without tracking: statements, cookies, headers and deletes of a list of requests."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.paths import PROJECT

# The statements that tracking adds to a request, by the verb and table of each; see docs/tracking.md, Cost.
ASKS = "SELECT user_sessions"  # for ended sessions, once in REVOCATION_SECONDS and process
ADDED = {
    "a wrong password": ["SELECT auth_user", "INSERT login_events"],
    "nobody's name": ["SELECT auth_user", "INSERT login_events"],
    "a login": ["INSERT user_sessions", "INSERT login_events"],
    "a new password": ["UPDATE user_sessions"] * 2,  # ends the others, and notes the new key of this one
    "an error after a login": ["INSERT login_events"],
    "a logout": ["UPDATE user_sessions"],
    "users": ["UPDATE user_sessions"] * 3
    + ["UPDATE login_events", "UPDATE activity_logs"]
    + ["UPDATE security_alerts"] * 2,
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Any]:
    spool = tmp_path_factory.mktemp("guest") / "spool"
    return {True: answers_of(spool), False: answers_of(spool, HOST_WITHOUT_TRACKING="1")}


def answers_of(spool: Path, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sites.requests_of_a_guest"],
        env=os.environ
        | {"HOST_SPOOL": str(spool), "DJANGO_SETTINGS_MODULE": "tests.tracking.hosts.plain"}
        | environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout)


def short(statement: str) -> str:
    verb, words = statement.split()[0], statement.replace('"', " ").split()
    after = {"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE", "DELETE": "FROM"}.get(verb)
    return f"{verb} {words[words.index(after) + 1]}" if after in words else verb


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_answers_and_statements_are_as_without_tracking(answers: dict[bool, Any], kind: str) -> None:
    for ours, theirs in zip(answers[True][kind], answers[False][kind], strict=True):
        for part in ("status", "headers", "vary", "cookies"):
            assert ours[part] == theirs[part], (ours["name"], part)
        assert added(ours, theirs) - Counter([ASKS]) == Counter(ADDED.get(ours["name"], ())), ours["name"]


def test_deletes_are_as_without_tracking(answers: dict[bool, Any]) -> None:
    for ours, theirs in zip(answers[True]["deletes"], answers[False]["deletes"], strict=True):
        assert added(ours, theirs) == Counter(ADDED.get(ours["name"], ())), ours["name"]


def added(ours: dict[str, Any], theirs: dict[str, Any]) -> Counter[str]:
    """Return the statements that tracking adds. Those of the host must all be there, each as often as without."""
    before, after = (Counter(map(short, answer["statements"])) for answer in (theirs, ours))
    assert not before - after, ours["name"]
    return after - before
