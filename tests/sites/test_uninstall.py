"""Tests that the documented commands uninstall tracking and analytics without remains."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT


def manage(database: Path, *arguments: str, **environment: str) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "tests.sites.hosts.own_database", "HOST_DATABASE": str(database)}
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments, "--verbosity", "0"],
        env=os.environ | settings | {"HOST_SPOOL": str(database.parent)} | environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def contents(database: Path) -> dict[str, set[str]]:
    asked = {
        "tables": "SELECT name FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL",
        "content types": "SELECT app_label || '.' || model FROM django_content_type",
        "permissions": "SELECT codename FROM auth_permission",
        "migrations": "SELECT app || '.' || name FROM django_migrations",
    }
    with sqlite3.connect(database) as connection:
        return {name: {row[0] for row in connection.execute(sql)} for name, sql in asked.items()}


def test_the_database_is_as_it_was(tmp_path: Path) -> None:
    database, never = tmp_path / "db.sqlite3", tmp_path / "never.sqlite3"
    manage(never, "migrate", HOST_WITHOUT_TRACKING="1")
    manage(database, "migrate")
    assert any("login_events" in name for name in contents(database)["tables"])

    manage(database, "migrate", "analytics", "zero")
    manage(database, "migrate", "tracking", "zero")
    # Now the apps are taken out of the settings.
    manage(
        database, "remove_stale_contenttypes", "--include-stale-apps", "--no-input", HOST_WITHOUT_TRACKING="1"
    )

    assert contents(database) == contents(never)
