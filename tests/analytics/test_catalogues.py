"""Tests that the catalogues of tracking and analytics are complete, and compiled."""

import gettext
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

APPS, LANGUAGES = ("tracking", "analytics"), ("de", "es", "fr")
pytestmark = pytest.mark.skipif(not shutil.which("xgettext"), reason="There is no gettext on this machine.")


def run(*command: str, cwd: Path) -> str:
    # Without a project's settings, as `makemessages` is run for an app.
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=environment | {"LC_ALL": "C.UTF-8"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def messages(path: Path) -> str:
    """Return the messages of a catalogue without translations and comments, to compare."""
    text = run(
        "msgattrib",
        "--clear-fuzzy",
        "--no-obsolete",
        "--sort-output",
        "--no-wrap",
        str(path),
        cwd=path.parent,
    )
    return "\n".join(line for line in text.splitlines() if line.startswith(("msgid", "msgctxt")))


@pytest.mark.parametrize("app", APPS)
def test_every_message_is_in_every_catalogue(app: str, tmp_path: Path) -> None:
    copy = tmp_path / app
    shutil.copytree(PROJECT / app, copy, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    command = [sys.executable, "-P", "-m", "django", "makemessages", "--no-location", "--no-obsolete"]
    run(*command, *(f"-l{language}" for language in LANGUAGES), cwd=copy)

    for language in LANGUAGES:
        catalogue = Path("locale") / language / "LC_MESSAGES" / "django.po"
        assert messages(PROJECT / app / catalogue) == messages(copy / catalogue), language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("app", APPS)
def test_every_message_is_translated_and_compiled(app: str, language: str, tmp_path: Path) -> None:
    folder = PROJECT / app / "locale" / language / "LC_MESSAGES"
    run("msgfmt", "--check", "--output-file", str(tmp_path / "new.mo"), "django.po", cwd=folder)
    for kind in ("--untranslated", "--only-fuzzy"):
        assert run("msgattrib", kind, "django.po", cwd=folder) == "", kind

    with (folder / "django.mo").open("rb") as old, (tmp_path / "new.mo").open("rb") as new:
        assert gettext.GNUTranslations(old)._catalog == gettext.GNUTranslations(new)._catalog  # type: ignore[attr-defined]
