"""Tables of another database: rows are read by their key as they are stored, each exactly once."""

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from importer import ImportResult, ModelImport, run_import
from importer.jobs import create_job
from importer.models import DataImportJob, KeyEncoder, StagingRecord
from importer.specs.registry import temporarily
from tests.importer.samples.crm.models import Company, Everything

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legacy(transactional_db: None, folder: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file that DATABASES knows as "legacy"."""
    path = folder / "legacy.sqlite"
    database = connections.settings["default"] | {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
    connections.settings["legacy"] = database | {"OPTIONS": {}}
    wrapper = connections["legacy"]
    del connections.settings["legacy"]
    wrapper.ensure_connection()  # while it is not known: Django's tests let nobody connect to another database
    connections.settings["legacy"] = wrapper.settings_dict
    with sqlite3.connect(path, isolation_level=None) as legacy:
        yield legacy
    wrapper.close()
    del connections["legacy"], connections.settings["legacy"]


@pytest.fixture
def queries() -> Iterator[dict[str, str]]:
    """Queries of a spec named "queried", to be filled in."""
    texts: dict[str, str] = {}

    class Queried(ModelImport):
        class Meta:
            model = Company
            name = "queried"
            queries = texts

    with temporarily(Queried):
        yield texts


def run(spec: str, source: str) -> tuple[DataImportJob, ImportResult]:
    job = create_job(spec, source)
    return job, run_import(job, workers=1)


def errors_of(job: DataImportJob) -> dict[int, Any]:
    return {
        record.line: [(error["field"], error["code"], error["value"]) for error in record.errors]
        for record in StagingRecord.objects.filter(job=job)
    }


# Values


def test_values_are_those_stored_whatever_the_column_is_declared_as(legacy: sqlite3.Connection) -> None:
    """Django's converters made None of "12/31/2020" in a DATE column and False of "Y" in a BOOL column."""
    legacy.execute(
        "CREATE TABLE t (nr INTEGER PRIMARY KEY, char TEXT, date DATE, moment DATETIME, flag BOOL)"
    )
    legacy.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?, ?)",
        [
            (1, "a", "2020-12-31", "2020-12-31 10:00:00", 1),
            (2, "b", "12/31/2020", None, 0),
            (3, "c", None, None, "Y"),
            (4, "d", None, "2020-13-45 99:00:00", None),
        ],
    )

    job, result = run("everything", "db:legacy/t")

    assert (result.status, result.inserted, result.rejected) == ("completed", 1, 3), result
    assert errors_of(job) == {
        2: [("date", "invalid", "12/31/2020")],
        3: [("flag", "invalid", "Y")],
        4: [("moment", "invalid_datetime", "2020-13-45 99:00:00")],
    }
    row = Everything.objects.get()
    assert (row.date, row.flag) == (dt.date(2020, 12, 31), True)


def test_text_that_is_not_utf8_costs_its_own_record_and_not_the_job(legacy: sqlite3.Connection) -> None:
    legacy.execute("CREATE TABLE t (code TEXT PRIMARY KEY, name TEXT)")
    legacy.execute("INSERT INTO t VALUES ('A', 'Ay'), ('B', CAST(x'426565ff' AS TEXT)), ('C', 'Zoë')")

    job, result = run("companies", "db:legacy/t")

    assert (result.status, result.inserted, result.rejected) == ("completed", 2, 1), result
    assert errors_of(job) == {2: [("name", "undecodable", "Bee\\xff")]}
    assert connections["legacy"].cursor().execute("SELECT 'text'").fetchone() == ("text",)


# Keys


@pytest.mark.parametrize("source", ["a table", "a query"])
def test_an_empty_key_is_refused_before_the_first_record(
    legacy: sqlite3.Connection, queries: dict[str, str], source: str
) -> None:
    """No range contains a NULL; such rows were skipped silently."""
    legacy.execute("CREATE TABLE t (code TEXT PRIMARY KEY, name TEXT)")
    legacy.execute("INSERT INTO t VALUES ('A', 'Ay'), (NULL, 'Nobody')")
    queries["q"] = "SELECT code, name FROM t"

    _, result = run("queried", "db:legacy/t" if source == "a table" else "db:legacy/q")

    assert result.status == "failed"
    assert '1 rows with NULL in its key "code"' in result.reason
    assert "Meta.queries" in result.reason


def test_a_query_whose_first_column_repeats_is_refused(
    legacy: sqlite3.Connection, queries: dict[str, str]
) -> None:
    """At the border of two batches, the second row of a key was lost."""
    legacy.execute("CREATE TABLE t (code TEXT, name TEXT)")
    legacy.execute("INSERT INTO t VALUES ('A', 'Ay'), ('B', 'Bee'), ('B', 'Buzz')")
    queries["q"] = "SELECT code, name FROM t"

    _, result = run("queried", "db:legacy/q")

    assert result.status == "failed"
    assert "has 'B' 2 times in its key \"code\"" in result.reason


def test_a_query_with_two_columns_of_one_name_is_refused(
    legacy: sqlite3.Connection, queries: dict[str, str]
) -> None:
    legacy.execute("CREATE TABLE t (code TEXT, name TEXT)")
    queries["q"] = "SELECT code, name, name FROM t"

    _, result = run("queried", "db:legacy/q")

    assert result.status == "failed"
    assert 'the column "name" more than once' in result.reason


@pytest.mark.parametrize("key", ["x'00ff'", "CAST(x'41ff' AS TEXT)", "9e999"])
def test_a_key_of_bytes_or_infinity_is_refused(legacy: sqlite3.Connection, key: str) -> None:
    legacy.execute("CREATE TABLE t (code PRIMARY KEY, name TEXT)")
    legacy.execute(f"INSERT INTO t VALUES ({key}, 'Ay')")

    _, result = run("companies", "db:legacy/t")

    assert result.status == "failed"
    assert "which the ledger cannot store" in result.reason


def test_a_range_ends_at_its_last_microsecond(queries: dict[str, str], folder: Path, settings: Any) -> None:
    """Keys were kept to the millisecond, so the rows behind it were lost at the end of each range."""
    settings.IMPORTER |= {
        "CHUNK_RECORDS": 7,
        "BATCH_SIZE_INITIAL": 3,
        "BATCH_SIZE_MIN": 3,
        "BATCH_SIZE_MAX": 3,
    }
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE moments (at timestamptz PRIMARY KEY, code text, name text)")
        cursor.execute(
            "INSERT INTO moments SELECT timestamptz '2020-01-01 00:00:00+02' + n * interval '137 microseconds', n, n "
            "FROM generate_series(1, 50) n"
        )
    try:
        job, result = run("companies", "db:default/moments")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE moments")

    assert (result.status, result.read, result.inserted) == ("completed", 50, 50), result
    assert job.chunks.count() == 9


def test_times_are_kept_in_full() -> None:
    moment = dt.datetime(2020, 1, 1, 12, 0, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=2)))

    kept = json.dumps([moment, moment.date(), dt.timedelta(microseconds=1)], cls=KeyEncoder)

    assert json.loads(kept) == ["2020-01-01T12:00:00.123456+02:00", "2020-01-01", "P0DT00H00M00.000001S"]


# Large rows

SIZES = [10, 700, 10, 90, 50_000, 300, 300, 300, 20, 499, 10, 10, 6_000, 7_000, 1, 480, 480, 480, 10, 600]


@pytest.mark.parametrize("alias", ["legacy", "default"])
@pytest.mark.parametrize("source", ["t", "sorted", "materialized"])
@pytest.mark.parametrize("records", [3, 1_000])
def test_rows_of_all_sizes_are_read_once_and_those_too_long_are_rejected_with_their_key(
    legacy: sqlite3.Connection,
    queries: dict[str, str],
    settings: Any,
    alias: str,
    source: str,
    records: int,
) -> None:
    settings.IMPORTER |= {"BATCH_MAX_BYTES": 1_000, "MAX_RECORD_BYTES": 550, "CHUNK_RECORDS": 9}
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), records)
    # Of these, SQLite holds all rows before it gives the first.
    queries["sorted"] = "SELECT nr * 1 AS nr, code, name, more FROM t"
    queries["materialized"] = (
        "SELECT DISTINCT nr, code, name, more FROM t UNION SELECT 0, 'N0', 'x', '' WHERE 1 = 0"
    )
    rows = [(number, f"N{number}", "x", "y" * size) for number, size in enumerate(SIZES * 3, 1)]
    with connection.cursor() as cursor:
        columns = "nr INTEGER PRIMARY KEY, code VARCHAR(10), name TEXT, more TEXT"
        cursor.execute(f"CREATE TABLE t ({columns})")
        legacy.execute(f"CREATE TABLE t ({columns})")
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s)", rows)
        legacy.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)

    try:
        job, result = run("queried", f"db:{alias}/{source}")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE t")

    long = [number for number, _, _, text in rows if len(text) > 550]
    assert (result.status, result.read, result.rejected) == ("completed", len(rows), len(long)), result
    kept = Company.objects.order_by("pk").values_list("code", flat=True)
    assert list(kept) == [code for number, code, _, _ in rows if number not in long]
    rejected = StagingRecord.objects.filter(job=job).order_by("line")
    assert [(record.line, record.raw["nr"]) for record in rejected] == [(n, str(n)) for n in long]
    assert {record.errors[0]["code"] for record in rejected} == {"record_too_long"}


# Changes between plan and run


def test_rows_added_within_a_range_end_the_job_with_a_line(legacy: sqlite3.Connection, settings: Any) -> None:
    """Their lines ran into those of the next chunk, and the job failed for ever on a duplicate key of the ledger."""
    settings.IMPORTER |= {
        "CHUNK_RECORDS": 10,
        "BATCH_SIZE_INITIAL": 4,
        "BATCH_SIZE_MIN": 4,
        "BATCH_SIZE_MAX": 4,
    }
    legacy.execute("CREATE TABLE t (nr INTEGER PRIMARY KEY, code TEXT, name TEXT)")
    legacy.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n * 10, f"N{n}", "") for n in range(1, 21)])
    job = create_job("companies", "db:legacy/t")
    run_import(job, max_errors=0)
    job.refresh_from_db()
    legacy.execute("INSERT INTO t VALUES (95, 'X', ''), (96, 'Y', '')")

    result = run_import(job)

    assert result.status == "failed"
    assert "2 rows more than were planned, up to the key 100; create a new job" in result.reason


def test_rows_that_went_or_took_the_place_of_others_are_no_change_of_the_plan(
    legacy: sqlite3.Connection, settings: Any
) -> None:
    settings.IMPORTER |= {
        "CHUNK_RECORDS": 10,
        "BATCH_SIZE_INITIAL": 5,
        "BATCH_SIZE_MIN": 5,
        "BATCH_SIZE_MAX": 5,
    }
    legacy.execute("CREATE TABLE t (nr INTEGER PRIMARY KEY, code TEXT, name TEXT)")
    legacy.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n * 10, f"N{n}", "") for n in range(1, 21)])
    job = create_job("companies", "db:legacy/t")
    run_import(job, max_errors=0)
    job.refresh_from_db()
    legacy.execute("DELETE FROM t WHERE nr IN (100, 150)")
    legacy.execute("INSERT INTO t VALUES (95, 'X', 'x')")

    result = run_import(job)

    assert (result.status, result.read, result.rejected) == ("completed", 19, 18), result
