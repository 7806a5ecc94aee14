"""Tests that names a site has already are reported by a check that tells the way out, and not by a crash."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

LABEL = (
    '?: (analytics.E005) The app label "analytics" is used by "tests.sites.hosts.renamed_theirs" as well.\n'
    "\tHINT: Write a subclass of analytics.apps.AnalyticsConfig with another `label`, and put its path into "
    'INSTALLED_APPS in place of "analytics". See docs/in-your-site.md, Names that clash.'
)
TABLE = (
    'tracking.UserSession: (tracking.E006) The table "user_sessions" belongs to analytics.Visit as well.\n'
    '\tHINT: Set TRACKING["TABLE_PREFIX"], such as "tracking_", before the first `migrate`.'
)


def manage(*arguments: str, settings: str = "tests.sites.hosts.clashing", **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": settings, "HOST_SPOOL": "/nowhere"} | environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("order", [{}, {"THEIRS_FIRST": "1"}], ids=["ours first", "theirs first"])
def test_a_label_and_a_table_that_are_taken(order: dict[str, str]) -> None:
    said = manage("check", **order)

    assert LABEL in said
    assert TABLE in said


def test_a_prefix_resolves_the_table() -> None:
    said = manage("check", HOST_PREFIX="tracking_")

    assert LABEL in said
    assert "tracking.E006" not in said


def test_a_table_of_nobody_knows_whom_is_told_before_migrate_fails_on_it(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.execute("CREATE TABLE login_events (id integer)")

    said = manage(
        "migrate", settings="tests.sites.hosts.own_database", HOST_DATABASE=f"{tmp_path}/db.sqlite3"
    )

    assert said == (
        "SystemCheckError: System check identified some issues:\n\nERRORS:\n"
        'tracking.LoginEvent: (tracking.E007) The database has a table "login_events" already, which is not '
        "tracking's.\n"
        '\tHINT: Set TRACKING["TABLE_PREFIX"], such as "tracking_", and run `migrate` again.\n'
    )
    assert manage(
        "migrate", "-v0", settings="tests.sites.hosts.own_database",
        HOST_DATABASE=f"{tmp_path}/db.sqlite3", HOST_PREFIX="tracking_",
    ) == ""  # fmt: skip


def test_another_package_named_tracking_is_named(tmp_path: Path) -> None:
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "__init__.py").touch()

    done = subprocess.run(
        [sys.executable, "-c", "from analytics.apps import require_our_tracking; require_our_tracking()"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"but Python finds {tmp_path}/tracking/__init__.py" in done.stderr


def test_an_app_that_fails_to_load_says_so_itself(tmp_path: Path) -> None:
    """Looking for clashes must not load apps before their turn, nor twice."""
    folder = tmp_path / "late_tracking"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "apps.py").write_text("import missing_thing\n")
    (tmp_path / "late_settings.py").write_text(
        "from tests.sites.hosts.own_database import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'late_tracking']\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "late_settings", "HOST_SPOOL": "/nowhere"}
        | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "ModuleNotFoundError: No module named 'missing_thing'" in done.stderr


def test_a_folder_of_the_site_with_the_name_of_a_package_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "loginas").mkdir()
    (tmp_path / "loginas" / "__init__.py").write_text("raise RuntimeError('loaded')\n")

    done = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "tests.sites.hosts.own_database", "HOST_SPOOL": "/nowhere"}
        | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_tables_of_a_test_without_migrations_are_no_clash(tmp_path: Path) -> None:
    (tmp_path / "bare_settings.py").write_text(
        "from tests.sites.hosts.own_database import *\nMIGRATION_MODULES = {'tracking': None, 'analytics': None}\n"
    )
    environment = {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}",
        "HOST_DATABASE": str(tmp_path / "db.sqlite3"),
    }

    for _ in range(2):
        assert manage("migrate", "--run-syncdb", "-v0", settings="bare_settings", **environment) == ""


def test_a_dashboard_without_the_admin_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plain_settings.py").write_text(
        "from tests.sites.hosts.own_database import *\n"
        "INSTALLED_APPS = [app for app in INSTALLED_APPS if app != 'django.contrib.admin']\n"
        "ROOT_URLCONF = 'no_urls'\n"
    )

    (tmp_path / "no_urls.py").write_text("urlpatterns = []\n")

    said = manage("check", settings="plain_settings", PYTHONPATH=f"{tmp_path}{os.pathsep}{PROJECT}")

    assert "(analytics.E006) The dashboard is a page of the admin" in said
