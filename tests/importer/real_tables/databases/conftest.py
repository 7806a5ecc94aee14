"""Provides source databases, and tables of any fields to import them into."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from importer import ImportResult, ModelImport, run_import
from importer.jobs import create_job
from importer.models import DataImportJob
from importer.specs.registry import temporarily
from tests.importer.real_tables.databases.servers import known_database, mariadb_server

Target = Callable[..., type[models.Model]]
Run = Callable[[str], tuple[DataImportJob, ImportResult]]


@pytest.fixture
def target(transactional_db: None) -> Iterator[Target]:
    """Make a model of the given fields with its table, and a spec named "sample" that fills each from its own column.

    `spec` adds declarations, `meta` options of the spec.
    """
    with ExitStack() as stack:

        def make(
            *, spec: dict[str, Any] | None = None, meta: dict[str, Any] | None = None, **fields: Any
        ) -> type[models.Model]:
            return stack.enter_context(_model(spec or {}, meta or {}, fields))

        yield make


@contextmanager
def _model(
    spec: dict[str, Any], meta: dict[str, Any], fields: dict[str, Any]
) -> Iterator[type[models.Model]]:
    with isolate_apps("tests.importer.samples.crm"):
        options = type("Meta", (), {"app_label": "crm", "db_table": "real_sample"})
        model: type[models.Model] = type(
            "Sample", (models.Model,), {"__module__": __name__, "Meta": options, **fields}
        )
    names = tuple(name for name, field in fields.items() if isinstance(field, models.Field))
    options = type("Meta", (), {"model": model, "name": "sample", "fields": names, **meta})
    sample = type("SampleImport", (ModelImport,), {"Meta": options, **spec})
    with connection.schema_editor() as editor:
        editor.create_model(model)
    try:
        with temporarily(sample):
            yield model
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(model)


@pytest.fixture
def run() -> Run:
    """Import a source by the spec named "sample"."""

    def run_source(source: str) -> tuple[DataImportJob, ImportResult]:
        job = create_job("sample", source)
        return job, run_import(job, workers=1)

    return run_source


@pytest.fixture
def postgres(transactional_db: None) -> Iterator[SimpleNamespace]:
    """The test database as a source: `execute`, `alias`. Tables go into a schema that is dropped."""

    def execute(statement: str, values: Any = None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)

    execute("CREATE SCHEMA legacy")
    yield SimpleNamespace(execute=execute, alias="default")
    execute("DROP SCHEMA legacy CASCADE")


@pytest.fixture
def sqlite(transactional_db: None, folder: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file that DATABASES knows as "lite"."""
    path = folder / "legacy.sqlite"
    with (
        known_database("lite", ENGINE="django.db.backends.sqlite3", NAME=str(path)),
        sqlite3.connect(path, isolation_level=None) as opened,
    ):
        yield opened


@pytest.fixture(scope="session")
def mariadb_socket() -> Iterator[Path]:
    with mariadb_server() as socket:
        yield socket


@pytest.fixture
def mariadb(transactional_db: None, mariadb_socket: Path) -> Iterator[SimpleNamespace]:
    """An empty MariaDB database that DATABASES knows as "maria": `execute`. It takes zero dates, as legacy ones do."""
    name = f"legacy_{secrets.token_hex(4)}"
    with pymysql.connect(unix_socket=str(mariadb_socket), user="root", autocommit=True) as opened:
        cursor = opened.cursor()
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {name}")
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        settings = {"HOST": str(mariadb_socket), "NAME": name, "USER": "root", "PASSWORD": ""}
        with known_database("maria", ENGINE="django.db.backends.mysql", **settings):
            yield SimpleNamespace(execute=cursor.execute, name=name)
        cursor.execute(f"DROP DATABASE {name}")
