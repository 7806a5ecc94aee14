"""Keys of any type cut a table into ranges that have each row once."""

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import models

from importer import run_import
from importer.jobs import create_job
from importer.rejects.report import make_report
from importer.run.plan import plan

pytestmark = pytest.mark.django_db(transaction=True)

OF_POSTGRESQL = {
    "numeric": "n / 3::numeric",
    "double precision": "n / 3::float8",
    "real": "n / 3::float4",
    "money": "(n * 100)::numeric::money",
    "boolean[]": "array_fill(true, ARRAY[n])",
    "date": "CASE n WHEN 1 THEN '-infinity' WHEN 2 THEN 'infinity' ELSE date '0001-01-01 BC' + n * 400 END",
    "timestamp": "timestamp '2020-01-01' + n * interval '1 microsecond'",
    "timestamptz": "timestamptz '2020-01-01' + n * interval '1 microsecond'",
    "time": "time '23:59:59.9999' + n * interval '1 microsecond'",
    "timetz": "timetz '10:00:00+02' + n * interval '1 second'",
    "interval": "n * interval '1 month 1 second'",
    "uuid": "md5(n::text)::uuid",
    "text": "repeat('%', n) || '\\'",
    "char(40)": "repeat('a', n)",
    "name": "'n' || n",
    "inet": "inet '10.0.0.0/8' + n",
    "bit(8)": "n::bit(8)",
    "legacy.size": "('{s,m,l,xl}'::text[])[1 + n % 4]::legacy.size",
    "int4range": "int4range(n, n + 2)",
    "jsonb": "to_jsonb(n)",
    "oid": "(4294967295 - n)::oid",
}
OF_MARIADB = {
    "decimal(30,10)": "seq / 3",
    "double": "seq / 3e0",
    "date": "if(seq < 3, elt(seq, '0000-00-00', '1961-00-00'), date_add('1961-01-01', INTERVAL seq DAY))",
    "datetime(6)": "date_add('2020-01-01', INTERVAL seq MICROSECOND)",
    "timestamp(6)": "date_add('2020-01-01', INTERVAL seq MICROSECOND)",
    "time(6)": "sec_to_time(seq * 100000.5 - 2000000)",
    "year": "1950 + seq",
    "bit(40)": "seq * 1000000007",
    "bigint unsigned": "18446744073709551615 - seq",
    "enum('s','m','l','xl')": "elt(1 + seq % 4, 's', 'm', 'l', 'xl')",
    "set('s','m','l','xl','z')": "seq",
    "varchar(50)": "repeat('%', seq)",
    "varchar(50) COLLATE utf8mb4_bin": "concat(char(65 + seq), 'x')",
    "char(20) CHARACTER SET latin1": "concat('ä', seq)",
    "uuid": "insert(insert(md5(seq), 13, 1, '4'), 17, 1, '8')",
    "inet6": "concat('2001:db8::', seq)",
    "float": "seq / 3",
}


@pytest.fixture
def small_batches(settings: Any, folder: Any) -> None:
    settings.IMPORTER |= {"CHUNK_RECORDS": 3}
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), 2)


def check(model: Any, run: Callable[..., Any], source: str) -> None:
    job, result = run(source)

    rows = 4 if job.chunks.count() < 5 else 25  # an enum has four labels
    assert (result.status, result.read, result.inserted) == ("completed", rows, rows), result
    assert model.objects.values("value").distinct().count() == rows


@pytest.mark.parametrize("kind", OF_POSTGRESQL)
def test_of_postgresql(
    target: Callable[..., Any],
    run: Callable[..., Any],
    postgres: SimpleNamespace,
    small_batches: None,
    kind: str,
) -> None:
    model = target(value=models.TextField())
    postgres.execute("CREATE TYPE legacy.size AS ENUM ('s', 'm', 'l', 'xl')")
    postgres.execute(f"CREATE TABLE legacy.t (value {kind} PRIMARY KEY)")
    postgres.execute(
        f"INSERT INTO legacy.t SELECT {OF_POSTGRESQL[kind]} FROM generate_series(1, 25) n ON CONFLICT DO NOTHING"
    )

    check(model, run, "db:default/legacy.t")


@pytest.mark.parametrize("kind", OF_MARIADB)
def test_of_mariadb(
    target: Callable[..., Any],
    run: Callable[..., Any],
    mariadb: SimpleNamespace,
    small_batches: None,
    kind: str,
) -> None:
    model = target(value=models.TextField())
    mariadb.execute(f"CREATE TABLE t (value {kind} PRIMARY KEY)")
    mariadb.execute(f"INSERT IGNORE INTO t SELECT {OF_MARIADB[kind]} FROM seq_1_to_25")

    check(model, run, "db:maria/t")


@pytest.mark.parametrize("source", ["maria", "lite"])
def test_large_floats_are_refused_as_keys(
    target: Callable[..., Any],
    run: Callable[..., Any],
    mariadb: SimpleNamespace,
    sqlite: sqlite3.Connection,
    source: str,
) -> None:
    """The ledger returns them as integers of many digits, by which the row was not found."""
    target(value=models.TextField())
    execute = {"maria": mariadb.execute, "lite": sqlite.execute}[source]
    execute("CREATE TABLE t (value double PRIMARY KEY)")
    execute("INSERT INTO t VALUES (0.1), (1e100)")

    _, result = run(f"db:{source}/t")

    assert result.status == "failed"
    assert 'has 1e+100 in its key "value", which the ledger cannot store' in result.reason


def test_rows_that_are_gone_since_the_plan_are_said(
    target: Callable[..., Any], sqlite: sqlite3.Connection
) -> None:
    target(value=models.TextField())
    sqlite.execute("CREATE TABLE t (value integer PRIMARY KEY)")
    sqlite.execute("INSERT INTO t VALUES (1), (2), (3)")
    job = create_job("sample", "db:lite/t")
    plan(job)
    sqlite.execute("DELETE FROM t WHERE value > 1")

    result = run_import(job, workers=1)

    assert result.inserted == 1
    notes = make_report(job).notes
    assert notes == ["The source had 2 more rows when it was planned; they are not there any more."]


def test_a_key_that_an_inheriting_table_repeats_is_refused(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace
) -> None:
    """The second row would be skipped if a batch ended between the two."""
    target(value=models.TextField())
    postgres.execute("CREATE TABLE legacy.t (number int, value text, PRIMARY KEY (number) INCLUDE (value))")
    postgres.execute("CREATE TABLE legacy.heir () INHERITS (legacy.t)")
    postgres.execute("INSERT INTO legacy.t VALUES (1, 'a')")
    postgres.execute("INSERT INTO legacy.heir VALUES (1, 'b')")

    _, result = run("db:default/legacy.t")

    assert result.status == "failed"
    assert 'has 1 2 times in its key "number", which must be unique' in result.reason
