"""docs/importer/how-to/import-users.md works as it stands: its files, its commands, what they print."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.importer.samples.foreign_site.installation import database, url_of
from tests.paths import PROJECT

PAGE = (PROJECT / "docs" / "importer" / "how-to" / "import-users.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What differs from run to run: time, speed, memory, and the absolute path of a source.
MOMENTARY = [(r", in \d.*$", ""), (r"source +\S*(legacy/)", r"source \1")]
SETTINGS = """
import os
from urllib.parse import unquote, urlsplit

SECRET_KEY = "not-a-secret"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "importer", "people"]
AUTH_USER_MODEL = "people.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "USER": unquote(url.username or ""),
    "PASSWORD": unquote(url.password or ""), "HOST": url.hostname or "", "PORT": str(url.port or ""),
}}
"""
QUESTIONS = """
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordResetForm
from people.models import User
for user in User.objects.order_by("username"):
    groups = ",".join(user.groups.values_list("name", flat=True))
    print(user.username, user.email, user.first_name, user.last_name, user.phone, user.is_active, groups, sep="|")
    print(user.date_joined.date(), user.check_password("unset"), user.check_password(""), user.is_staff)
print([user.username for user in PasswordResetForm().get_users("ann.weiss@example.com")])
print(authenticate(username="ann", password="unset"))
"""


def without_moments(text: str) -> list[str]:
    for pattern, replacement in MOMENTARY:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text.rstrip().splitlines()


class Site:
    """A project with the files of the page."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        (folder / "people").mkdir()
        (folder / "people" / "__init__.py").touch()
        (folder / "legacy").mkdir()
        (folder / "settings.py").write_text(SETTINGS)
        for language, text in BLOCK.findall(PAGE):
            if language == "python":
                (folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
            elif language == "csv":
                (folder / "legacy" / "users.csv").write_text(text)

    def manage(self, *arguments: str) -> str:
        process = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=self.folder,
            env=os.environ
            | {"DATABASE_URL": self.url, "DJANGO_SETTINGS_MODULE": "settings"}
            | {"PYTHONPATH": f"{self.folder}{os.pathsep}{PROJECT}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.returncode == 0, process.stdout
        return process.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Site]:
    with database("people") as name:
        site = Site(tmp_path_factory.mktemp("people"), url_of(name))
        site.manage("makemigrations", "people", "--verbosity", "0")
        site.manage("migrate", "--verbosity", "0")
        yield site


def test_the_page_works_as_it_stands(site: Site) -> None:
    commands = 0
    for language, text in BLOCK.findall(PAGE):
        for block in (
            re.split(r"^\$ python manage\.py ", text, flags=re.MULTILINE)[1:] if not language else ()
        ):
            command, _, printed = block.partition("\n")
            assert without_moments(site.manage(*shlex.split(command))) == without_moments(printed), command
            commands += 1

    assert commands == 3
    answers = site.manage("shell", "--verbosity", "0", "-c", QUESTIONS).strip().splitlines()
    assert answers == [
        "ann|ann.weiss@example.com|Ann|Weiß-Roth|+49 30 123|True|Sales",
        "2019-12-31 False False False",
        "bob|bob@example.com|Bob|Okafor||False|Support",
        "2020-02-01 False False False",
        "['ann']",
        "None",
    ]


def test_a_second_run_resets_no_password(site: Site) -> None:
    create = ("create_import", "users", "legacy/users.csv", "--delimiter", ";")
    site.manage("run_import", site.manage(*create).strip())
    site.manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        "from people.models import User; u = User.objects.get(username='ann'); u.set_password('s3'); u.save()",
    )
    site.manage("run_import", site.manage(*create).strip())

    answer = site.manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        "from people.models import User; print(User.objects.get(username='ann').check_password('s3'))",
    )
    assert answer.strip() == "True"
