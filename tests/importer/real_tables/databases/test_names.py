"""Tables and columns may have any name, with or without a schema, and queries any character."""

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import models

from importer import Column
from tests.importer.real_tables.databases.fates import rejected

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = [
    "Capital", "two words", " blanks ", 'quo"te', '"quoted"', "back`tick", "it's", "select", "*", "^a$", "^.*$", "100%",
    "%s", "%(name)s", "a.b", "{}", "price [EUR]", "a:1", "ÄÖ ü", "back\\slash", "$1", "source", "size", "c0", ";--",
]  # fmt: skip


def postgres_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def maria_quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def filled_by(name: str) -> dict[str, Any]:
    return {"spec": {"word": Column(name)}, "nr": models.IntegerField(), "word": models.TextField()}


@pytest.mark.parametrize("name", NAMES)
def test_of_postgresql(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace, name: str
) -> None:
    model, quoted = target(**filled_by(name)), postgres_quoted(name)
    postgres.execute(f"CREATE TABLE legacy.{quoted} (nr int, {quoted} text PRIMARY KEY, a text)")
    postgres.execute(f"INSERT INTO legacy.{quoted} VALUES (1, '100%', 'x'), (2, 'b', 'y')")

    _, result = run(f"db:default/legacy.{name}")

    assert (result.status, result.inserted) == ("completed", 2), result
    assert list(model.objects.order_by("nr").values_list("word", flat=True)) == ["100%", "b"]


@pytest.mark.parametrize("name", NAMES)
def test_of_mariadb(
    target: Callable[..., Any], run: Callable[..., Any], mariadb: SimpleNamespace, name: str
) -> None:
    table = name.strip()  # MariaDB takes no blank at the end
    model, quoted = target(**filled_by(table)), maria_quoted(table)
    mariadb.execute(f"CREATE TABLE {quoted} (nr int, {quoted} varchar(9) PRIMARY KEY, a text)")
    mariadb.execute(f"INSERT INTO {quoted} VALUES (1, '100%', 'x'), (2, 'b', 'y')")

    _, result = run(f"db:maria/{table}")

    assert (result.status, result.inserted) == ("completed", 2), result
    assert list(model.objects.order_by("nr").values_list("word", flat=True)) == ["100%", "b"]


@pytest.mark.parametrize("name", NAMES)
def test_of_sqlite(
    target: Callable[..., Any], run: Callable[..., Any], sqlite: sqlite3.Connection, name: str
) -> None:
    model, quoted = target(**filled_by(name)), postgres_quoted(name)
    sqlite.execute(f"CREATE TABLE {quoted} (nr INTEGER, {quoted} TEXT PRIMARY KEY, a TEXT)")
    sqlite.execute(f"INSERT INTO {quoted} VALUES (1, '100%', 'x'), (2, 'b', 'y')")

    _, result = run(f"db:lite/{name}")

    assert (result.status, result.inserted) == ("completed", 2), result
    assert list(model.objects.order_by("nr").values_list("word", flat=True)) == ["100%", "b"]


@pytest.mark.parametrize("name", [name for name in NAMES if name == name.strip()])
def test_of_a_file(target: Callable[..., Any], run: Callable[..., Any], folder: Any, name: str) -> None:
    model, quoted = target(**filled_by(name)), postgres_quoted(name)
    source = folder / "words.csv"
    source.write_text(f"nr,{quoted},a\n1,right,wrong\n")

    run(str(source))

    assert model.objects.get().word == "right"


@pytest.mark.parametrize("spelling", ["legacy.people", '"legacy"."people"', "legacy.People!"])
def test_a_table_of_a_schema(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace, spelling: str
) -> None:
    model = target(nr=models.IntegerField())
    postgres.execute('CREATE TABLE legacy."People!" (nr int PRIMARY KEY)')
    postgres.execute("CREATE TABLE legacy.people (nr int PRIMARY KEY)")
    postgres.execute('INSERT INTO legacy."People!" VALUES (1); INSERT INTO legacy.people VALUES (1)')

    _, result = run(f"db:default/{spelling}")

    assert (result.status, model.objects.count()) == ("completed", 1), result


def test_a_table_of_another_database_of_the_server(
    target: Callable[..., Any], run: Callable[..., Any], mariadb: SimpleNamespace
) -> None:
    model = target(nr=models.IntegerField())
    mariadb.execute("CREATE TABLE t (nr int, id int PRIMARY KEY)")
    mariadb.execute("INSERT INTO t VALUES (1, 2)")

    _, result = run(f"db:maria/{mariadb.name}.t")

    assert (result.status, model.objects.count()) == ("completed", 1), result


def test_a_composite_key_keeps_its_own_order(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace, settings: Any
) -> None:
    settings.IMPORTER |= {"CHUNK_RECORDS": 7}
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), 2)
    model = target(nr=models.IntegerField(unique=True))
    postgres.execute("CREATE TABLE legacy.t (a date, nr int, b text, PRIMARY KEY (b, a))")
    postgres.execute(
        "INSERT INTO legacy.t SELECT date '2020-01-01' + n % 5, n, n / 5 FROM generate_series(1, 40) n"
    )

    job, result = run("db:default/legacy.t")

    assert (result.status, model.objects.count(), job.chunks.count()) == ("completed", 40, 7), result


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("legacy.nothing", 'relation "legacy.nothing" does not exist'),
        ("nowhere.t", 'relation "nowhere.t" does not exist'),
        ("legacy.keyless", "has no primary key"),
        ("legacy.view", "has no primary key"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_true_reason(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace, source: str, reason: str
) -> None:
    target(nr=models.IntegerField())
    postgres.execute("CREATE TABLE legacy.keyless (nr int)")
    postgres.execute("CREATE VIEW legacy.view AS SELECT 1 AS nr")

    _, result = run(f"db:default/{source}")

    assert result.status == "failed"
    assert reason in result.reason


QUERY = "SELECT nr, word FROM {} WHERE word LIKE 'a%' AND nr % 2 = 1 -- all of them, 100%\n;"


@pytest.mark.parametrize("alias", ["default", "maria", "lite"])
def test_a_query_may_have_a_percent_sign(
    target: Callable[..., Any],
    run: Callable[..., Any],
    postgres: SimpleNamespace,
    mariadb: SimpleNamespace,
    sqlite: sqlite3.Connection,
    alias: str,
) -> None:
    table, execute = {
        "default": ("legacy.t", postgres.execute),
        "maria": ("t", mariadb.execute),
        "lite": ("t", sqlite.execute),
    }[alias]
    model = target(
        nr=models.IntegerField(), word=models.TextField(), meta={"queries": {"odd": QUERY.format(table)}}
    )
    execute(f"CREATE TABLE {table} (nr int PRIMARY KEY, word varchar(9))")
    execute(f"INSERT INTO {table} VALUES (1, 'a%'), (2, 'ab'), (3, 'b'), (5, 'aaa')")

    job, result = run(f"db:{alias}/odd")

    assert (result.status, rejected(job)) == ("completed", {}), result
    assert list(model.objects.order_by("nr").values_list("nr", "word")) == [(1, "a%"), (5, "aaa")]
