"""Values that no Python type holds are rejected, or mean what the spec says; they are never NULL in silence."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, connections, models

from importer import Column
from tests.importer.real_tables.databases.fates import rejected
from tests.importer.real_tables.databases.servers import known_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("kind", "field", "good", "bad"),
    [
        (
            "date",
            models.DateField,
            ("2020-02-29", dt.date(2020, 2, 29)),
            ["infinity", "-infinity", "0044-03-15 BC", "10000-01-01", "5874897-12-31"],
        ),
        (
            "timestamp",
            models.DateTimeField,
            ("2020-02-29 10:00:00.5+00", dt.datetime(2020, 2, 29, 10, 0, 0, 500_000, dt.UTC)),
            ["infinity", "-infinity", "0044-03-15 10:00:00 BC", "10000-01-01 00:00:00"],
        ),
        (
            "timestamptz",
            models.DateTimeField,
            ("2020-02-29 10:00:00.5+00", dt.datetime(2020, 2, 29, 10, 0, 0, 500_000, dt.UTC)),
            ["infinity", "-infinity", "0044-03-15 10:00:00+00 BC", "294276-12-31 23:59:59+00"],
        ),
        ("time", models.TimeField, ("23:59:59.999999", dt.time(23, 59, 59, 999_999)), ["24:00:00"]),
        ("timetz", models.TimeField, ("10:00:00+00", dt.time(10)), ["24:00:00+02"]),
        (
            "interval",
            models.DurationField,
            ("-1 days +02:03:04.5", dt.timedelta(days=-1, hours=2, minutes=3, seconds=4.5)),
            ["1 year 2 mons", "-178000000 years", "1 mon 1 day 00:00:01"],
        ),
        ("numeric", models.FloatField, ("0.1", 0.1), []),
        ("numeric", models.IntegerField, ("12", 12), ["NaN", "Infinity", "1.50", "9" * 5_000]),
    ],
)
@pytest.mark.parametrize("style", ["ISO,MDY", "German,DMY"])
def test_of_postgresql(
    target: Callable[..., Any],
    run: Callable[..., Any],
    postgres: SimpleNamespace,
    kind: str,
    field: type[models.Field],
    good: tuple[str, Any],
    bad: list[str],
    style: str,
) -> None:
    model = target(nr=models.IntegerField(), value=field(null=True))
    postgres.execute(f"CREATE TABLE legacy.t (nr int PRIMARY KEY, value {kind})")
    for nr, text in enumerate([good[0], *bad]):
        postgres.execute("INSERT INTO legacy.t VALUES (%s, %s)", [nr, text])

    with known_database("styled", OPTIONS={"options": f"-c datestyle={style} -c extra_float_digits=0"}):
        job, result = run("db:styled/legacy.t")

    assert (result.status, result.inserted, result.rejected) == ("completed", 1, len(bad)), result
    assert list(model.objects.values_list("value", flat=True)) == [good[1]]
    found = {line: errors[0][1] for line, errors in rejected(job).items()}
    assert found == {line: text[:200] for line, text in enumerate(bad, 2)}


def test_a_key_that_python_cannot_hold_is_read(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace, settings: Any
) -> None:
    settings.IMPORTER |= {"CHUNK_RECORDS": 3}
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), 2)
    model = target(day=models.TextField(unique=True))
    days = ["-infinity", "0044-03-15 BC", "2020-01-01", "2020-01-02", "10000-01-01", "infinity"]
    postgres.execute("CREATE TABLE legacy.t (day date PRIMARY KEY)")
    for day in reversed(days):
        postgres.execute("INSERT INTO legacy.t VALUES (%s)", [day])

    job, result = run("db:default/legacy.t")

    assert (result.status, job.chunks.count()) == ("completed", 3), result
    assert list(model.objects.order_by("pk").values_list("day", flat=True)) == days


def test_the_spec_may_say_what_they_mean(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace, mariadb: SimpleNamespace
) -> None:
    model = target(
        day=models.DateField(null=True, blank=True), meta={"null_values": ("", "infinity", "0000-00-00")}
    )
    postgres.execute("CREATE TABLE legacy.t (nr int PRIMARY KEY, day date)")
    postgres.execute("INSERT INTO legacy.t VALUES (1, 'infinity'), (2, '2020-01-01'), (3, NULL)")
    mariadb.execute("CREATE TABLE t (nr int PRIMARY KEY, day date)")
    mariadb.execute("INSERT INTO t VALUES (1, '0000-00-00'), (2, '2020-01-02')")

    _, of_postgres = run("db:default/legacy.t")
    _, of_maria = run("db:maria/t")

    assert (of_postgres.rejected, of_maria.rejected) == (0, 0)
    assert list(model.objects.order_by("pk").values_list("day", flat=True)) == [
        None,
        dt.date(2020, 1, 1),
        None,
        None,
        dt.date(2020, 1, 2),
    ]


@pytest.mark.parametrize(
    ("kind", "field", "good", "bad"),
    [
        (
            "date",
            models.DateField,
            ("1961-12-31", dt.date(1961, 12, 31)),
            ["0000-00-00", "1961-00-00", "1961-05-00", "2021-02-30"],
        ),
        (
            "datetime(6)",
            models.DateTimeField,
            ("1961-12-31 10:00:00.000001", dt.datetime(1961, 12, 31, 10, 0, 0, 1, dt.UTC)),
            ["0000-00-00 00:00:00.000000", "1961-00-00 10:00:00.000000"],
        ),
        (
            "timestamp NULL",
            models.DateTimeField,
            ("1999-12-31 10:00:00", dt.datetime(1999, 12, 31, 10, tzinfo=dt.UTC)),
            ["0000-00-00 00:00:00"],
        ),
        ("time", models.TimeField, ("23:59:59", dt.time(23, 59, 59)), ["24:00:00", "-01:00:00", "838:59:59"]),
        (
            "time(3)",
            models.DurationField,
            ("-838:59:58.500", -dt.timedelta(hours=838, minutes=59, seconds=58.5)),
            [],
        ),
        ("bit(5)", models.IntegerField, ("21", 21), []),
        ("bit(1)", models.BooleanField, ("1", True), []),
        (
            "bigint unsigned",
            models.BigIntegerField,
            ("9223372036854775807", 2**63 - 1),
            ["18446744073709551615"],
        ),
        ("tinyint(1)", models.BooleanField, ("1", True), ["2", "-1"]),
        ("year", models.IntegerField, ("1961", 1961), []),
    ],
)
def test_of_mariadb(
    target: Callable[..., Any],
    run: Callable[..., Any],
    mariadb: SimpleNamespace,
    kind: str,
    field: type[models.Field],
    good: tuple[str, Any],
    bad: list[str],
) -> None:
    model = target(nr=models.IntegerField(), value=field(null=True))
    mariadb.execute(f"CREATE TABLE t (nr int PRIMARY KEY, value {kind})")
    for nr, text in enumerate([good[0], *bad]):
        value = int(text) if "bit" in kind else text
        mariadb.execute("INSERT INTO t VALUES (%s, %s)", [nr, value])

    job, result = run("db:maria/t")

    assert (result.status, result.inserted, result.rejected) == ("completed", 1, len(bad)), (
        result,
        rejected(job),
    )
    assert list(model.objects.values_list("value", flat=True)) == [good[1]]
    assert {line: errors[0][1] for line, errors in rejected(job).items()} == dict(enumerate(bad, 2))


def test_of_sqlite_each_value_counts_with_its_own_type(
    target: Callable[..., Any], run: Callable[..., Any], sqlite: sqlite3.Connection
) -> None:
    values = [1, "2", "three", 4.0, 4.5, b"5", b"\xff", None, 2**62, "", 9e999]
    model = target(nr=models.IntegerField(), value=models.BigIntegerField(null=True, blank=True))
    sqlite.execute("CREATE TABLE t (nr INTEGER PRIMARY KEY, value)")
    sqlite.executemany("INSERT INTO t VALUES (?, ?)", enumerate(values))

    job, result = run("db:lite/t")

    assert result.status == "completed", result
    stored = model.objects.order_by("nr").values_list("nr", "value")
    assert list(stored) == [(0, 1), (1, 2), (3, 4), (5, 5), (7, None), (8, 2**62), (9, None)]
    assert rejected(job) == {
        3: [("value", "three")],
        5: [("value", "4.5")],
        7: [("value", "\\xff")],
        11: [("value", "inf")],
    }


def test_a_transform_reads_them(
    target: Callable[..., Any], run: Callable[..., Any], mariadb: SimpleNamespace
) -> None:
    day = Column("day", transform=lambda text: text.replace("-00", "-01"))
    model = target(day=models.DateField(), spec={"day": day})
    mariadb.execute("CREATE TABLE t (nr int PRIMARY KEY, day date)")
    mariadb.execute("INSERT INTO t VALUES (1, '1961-00-00')")

    run("db:maria/t")

    assert model.objects.get().day == dt.date(1961, 1, 1)


def test_text_of_a_database_without_an_encoding(
    target: Callable[..., Any], run: Callable[..., Any], folder: Any
) -> None:
    """PostgreSQL refuses to send such text as UTF-8, and the whole fetch with it."""
    model = target(nr=models.IntegerField(), word=models.TextField())
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with known_database("ascii", NAME="ascii"):
            with connections["ascii"].cursor() as cursor:
                cursor.execute('CREATE TABLE "wörter" (nr int PRIMARY KEY, word text)')
                cursor.execute(
                    "INSERT INTO \"wörter\" VALUES (1, 'a'), (2, 'ä'), (3, convert_from('\\x62e9', 'SQL_ASCII'))"
                )
            job, result = run("db:ascii/wörter")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE ascii WITH (FORCE)")

    assert (result.status, rejected(job)) == ("completed", {3: [("word", "b\\xe9")]}), result
    assert list(model.objects.order_by("nr").values_list("word", flat=True)) == ["a", "ä"]
