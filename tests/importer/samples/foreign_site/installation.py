"""Installs the foreign site in its own Python environment, with only what the wheel requires.

The wheel is built from this repository and installed by pip. What it depends on is not downloaded again but lent by
the environment the tests run in: only those packages, so that nothing works by chance that a wheel forgot to name.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from packaging.requirements import Requirement
from psycopg.sql import SQL, Identifier

from tests.importer.shell import Shell

REPOSITORY = Path(__file__).resolve().parents[4]
PROJECT = Path(__file__).with_name("project")
COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Site:
    """The foreign project in its environment. It knows its database by a URL, and this repository not at all."""

    python: Path
    folder: Path
    database: str
    shell: Shell = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shell", Shell(self.python, self.folder, self.environment))

    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return inherited | {
            "DATABASE_URL": url_of(self.database),
            "DJANGO_SETTINGS_MODULE": "settings",
            "TMPDIR": str(self.folder),
        }

    def manage(self, *arguments: str, **environment: str) -> str:
        process = self.start(*arguments, **environment)
        assert process.returncode == 0, process.stderr
        return process.stdout

    def start(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.python, "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment() | environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def create_import(self, spec: str, source: Path, *options: str) -> int:
        return int(self.shell.output_of("create_import", spec, str(source), *options))

    def run_import(self, job: int, *options: str, **environment: str) -> dict[str, Any]:
        """Run a job: in the shell, or, with an environment of its own, in a process of its own."""
        run = partial(self.manage, **environment) if environment else self.shell.output_of
        answer = run("run_import", str(job), "--json", "--no-progress", *options)
        return dict(json.loads(answer.splitlines()[-1]))

    def report(self, job: int) -> dict[str, Any]:
        return dict(json.loads(self.shell.output_of("import_report", str(job), "--json")))

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(url_of(self.database), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def copy_out(self, query: str) -> str:
        with (
            psycopg.connect(url_of(self.database)) as connection,
            connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy,
        ):
            return b"".join(copy).decode()

    @contextmanager
    def another_database(self, name: str) -> Iterator["Site"]:
        """The same site with a copy of its database, which is dropped in the end."""
        with database(name, template=self.database) as copy:
            site = Site(self.python, self.folder, copy)
            yield site
            site.shell.close()


def url_of(database: str) -> str:
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()


@contextmanager
def database(name: str, *, template: str = "template0") -> Iterator[str]:
    """A database beside the one of the test run."""
    name = f"{name}_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
        )
        try:
            yield name
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def foreign_site(folder: Path) -> Iterator[Site]:
    """Build the wheel, install it, lay out the project and migrate its database."""
    python = _environment(folder / "environment")
    _install(_built_wheel(folder / "wheel"), python)
    project = folder / "ballpark"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "records").mkdir()
    with database("ballpark") as name:
        site = Site(python, project, name)
        site.manage("migrate", "--run-syncdb", "--verbosity", "0")
        yield site
        site.shell.close()


def _built_wheel(folder: Path) -> Path:
    _call([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)])
    (wheel,) = folder.glob("*.whl")
    return wheel


def _environment(folder: Path) -> Path:
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


def _install(wheel: Path, python: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    _call([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)])
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    (installed,) = (found for found in distributions(path=[str(packages)]) if found.name == "django-cortex")
    Lender(packages).lend_what_needs(installed, extras={"importer"})


@dataclass
class Lender:
    """Links installed packages of this environment into another one."""

    borrower: Path
    lent: set[str] = field(default_factory=set)

    def lend_what_needs(self, installed: Distribution, extras: set[str]) -> None:
        for text in installed.requires or []:
            needed = Requirement(text)
            if needed.marker and not any(
                needed.marker.evaluate({"extra": extra}) for extra in extras or {""}
            ):
                continue
            found = Distribution.from_name(needed.name)
            assert found.version in needed.specifier, f"{needed} is asked for, {found.version} is here"
            if found.name not in self.lent:
                self.lent.add(found.name)
                self._link(found)
                self.lend_what_needs(found, needed.extras)

    def _link(self, package: Distribution) -> None:
        for name in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
            (self.borrower / name).symlink_to(str(package.locate_file(name)))


def _call(command: list[str]) -> None:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
