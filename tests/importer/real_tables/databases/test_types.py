"""Every type of PostgreSQL, MariaDB, SQLite and Parquet as a source: each value is the one that was put in."""

import datetime as dt
import sqlite3
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from django.contrib.postgres import fields as pg
from django.contrib.postgres.search import SearchVectorField
from django.db import NotSupportedError, models
from django.db.backends.postgresql.psycopg_any import DateRange, NumericRange

from tests.importer.real_tables.databases.fates import rejected

pytestmark = pytest.mark.django_db(transaction=True)

# A column: its type, the field it fills, its values as SQL, and as Python.
Column = tuple[str, models.Field, list[str], list[Any]]

TEXT = "a'b\"c\\d,e\tf\ng %s ä€😀 {x}"
UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


def same(kind: str, field: models.Field, *texts: str) -> Column:
    """A column whose values are the texts themselves."""
    return kind, field, [f"'{text}'" for text in texts], list(texts)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def text() -> models.Field:
    return models.TextField(null=True, blank=True)


def blob() -> models.Field:
    return models.BinaryField(null=True, blank=True, editable=True)


def decimal() -> models.Field:
    return models.DecimalField(max_digits=60, decimal_places=20, null=True)


def moment() -> models.Field:
    return models.DateTimeField(null=True)


def days() -> models.Field:
    return pg.ArrayField(models.DateField(), null=True)


OF_POSTGRESQL: list[Column] = [
    ("smallint", models.SmallIntegerField(null=True), ["-32768", "32767"], [-32768, 32767]),
    ("integer", models.IntegerField(null=True), ["-2147483648", "0"], [-(2**31), 0]),
    ("bigint", models.BigIntegerField(null=True), [str(-(2**63)), str(2**63 - 1)], [-(2**63), 2**63 - 1]),
    ("numeric(40,20)", decimal(), ["-1.10", "12345678901234567890.00000000000000000001"],
     [Decimal("-1.10"), Decimal("12345678901234567890.00000000000000000001")]),
    ("numeric", models.IntegerField(null=True), ["12", "-0"], [12, 0]),
    ("real", models.FloatField(null=True), ["0.1", "3.4028235e38"], [0.1, 3.4028235e38]),
    ("double precision", models.FloatField(null=True), ["0.30000000000000004", "-1e-300"], [0.1 + 0.2, -1e-300]),
    ("double precision", models.FloatField(null=True), ["'Infinity'", "5e15"], [float("inf"), 5e15]),
    ("money", decimal(), ["'-1234.50'", "'1000000'"], [Decimal("-1234.50"), Decimal("1000000")]),
    ("boolean", models.BooleanField(null=True), ["true", "false"], [True, False]),
    ("varchar(50)", models.CharField(max_length=50, null=True, blank=True), [quoted(TEXT), "' x '"], [TEXT, " x "]),
    ("text", text(), [quoted(TEXT), quoted("x" * 5_000)], [TEXT, "x" * 5_000]),
    ("char(5)", text(), ["'ab'", "'abcde'"], ["ab   ", "abcde"]),
    ('"char"', text(), ["'x'", "'y'"], ["x", "y"]),
    ("name", text(), ["'x y'", "'z'"], ["x y", "z"]),
    ("bytea", blob(), [r"'\x00ff5c'", "''"], [b"\x00\xff\\", b""]),
    ("bytea", text(), [r"'\x6162'", r"'\xc3a4'"], ["ab", "ä"]),
    ("date", models.DateField(null=True), ["'0001-01-01'", "'9999-12-31'"], [dt.date.min, dt.date.max]),
    ("time", models.TimeField(null=True), ["'00:00'", "'23:59:59.999999'"], [dt.time.min, dt.time.max]),
    ("timestamp", moment(), ["'1000-01-01'", "'2020-07-01 12:00:00.000001'"],
     [dt.datetime(1000, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 7, 1, 12, 0, 0, 1, dt.UTC)]),
    ("timestamptz", moment(), ["'0001-01-01 00:00+00'", "'2020-07-01 12:00+05:45'"],
     [dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 7, 1, 6, 15, tzinfo=dt.UTC)]),
    ("interval", models.DurationField(null=True), ["'-1 day +00:00:00.000001'", "'1000000 days 23:59:59'"],
     [dt.timedelta(-1, 0, 1), dt.timedelta(1_000_000, 86399)]),
    ("uuid", models.UUIDField(null=True), [f"'{UUID}'", f"'{uuid.UUID(int=0)}'"], [UUID, uuid.UUID(int=0)]),
    ("json", models.JSONField(null=True), ["""'{"a" : [1, null, "\u00e4", 1.50]}'""", "'\"x\"'"],
     [{"a": [1, None, "ä", 1.5]}, "x"]),
    ("jsonb", models.JSONField(null=True), ["'{\"a\": true}'", "'12345678901234567890'"],
     [{"a": True}, 12345678901234567890]),
    ("json", text(), ["'{\"a\" : 1.50}'", "'1'"], ['{"a" : 1.50}', "1"]),
    ("inet", models.GenericIPAddressField(null=True), ["'10.0.0.1'", "'2001:db8::1'"], ["10.0.0.1", "2001:db8::1"]),
    same("inet", text(), "10.0.0.1/24", "::1"),
    same("cidr", text(), "10.0.0.0/24", "2001:db8::/32"),
    same("macaddr", text(), "08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"),
    same("macaddr8", text(), "08:00:2b:01:02:03:04:05", "00:00:00:00:00:00:00:00"),
    ("bit(4)", text(), ["B'0101'", "B'1111'"], ["0101", "1111"]),
    ("bit varying", text(), ["B'1'", "B'0000000000'"], ["1", "0000000000"]),
    same("legacy.mood", text(), "sad", "so so"),
    same("legacy.mood", models.CharField(max_length=9, choices=[("sad", "s"), ("so so", "t")]), "sad", "so so"),
    ("legacy.positive", models.IntegerField(null=True), ["1", "2"], [1, 2]),
    ("legacy.pair", text(), ["ROW(1, 'a b')", "ROW(NULL, '')"], ['(1,"a b")', '(,"")']),
    ("legacy.pair", models.JSONField(null=True), ["ROW(1, 'a b')", "ROW(NULL, '')"],
     [{"one": 1, "two": "a b"}, {"one": None, "two": ""}]),
    same("point", text(), "(1.5,-2)", "(0,0)"),
    same("polygon", text(), "((0,0),(1,1),(1,0))", "((0,0))"),
    ("tsquery", text(), ["'cat & rat'", "'a'"], ["'cat' & 'rat'", "'a'"]),
    ("tsvector", SearchVectorField(null=True), ["'cat:3 fat:2A'", "'a'"], ["'cat':3 'fat':2A", "'a'"]),
    same("pg_lsn", text(), "16/B374D848", "0/0"),
    ("oid", models.BigIntegerField(null=True), ["4294967295", "0"], [4294967295, 0]),
    ("regclass", text(), ["'pg_class'", "'pg_type'"], ["pg_class", "pg_type"]),
    ("int[]", pg.ArrayField(models.IntegerField(), null=True), ["'{1,2}'", "ARRAY[3]"], [[1, 2], [3]]),
    ("int[]", text(), ["'{1,2}'", "'{{1},{2}}'"], ["{1,2}", "{{1},{2}}"]),
    ("int[]", models.JSONField(null=True), ["'{1,NULL}'", "'{{1},{2}}'"], [[1, None], [[1], [2]]]),
    ("varchar(9)[]", pg.ArrayField(models.CharField(max_length=9), null=True), ["ARRAY['a,b', 'c\"d']", "ARRAY['x']"],
     [["a,b", 'c"d'], ["x"]]),
    ("bytea[]", pg.ArrayField(models.BinaryField(blank=True), null=True), [r"ARRAY['\xff'::bytea, 'abcd']", "'{\"\"}'"],
     [[b"\xff", b"abcd"], [b""]]),
    ("jsonb[]", pg.ArrayField(models.JSONField(), null=True), ["ARRAY['{\"a\": 1}'::jsonb]", "ARRAY['\"x\"'::jsonb]"],
     [[{"a": 1}], ["x"]]),
    ("date[]", days(), ["'{2020-01-01}'", "'{0001-01-01,9999-12-31}'"],
     [[dt.date(2020, 1, 1)], [dt.date.min, dt.date.max]]),
    ("uuid[]", pg.ArrayField(models.UUIDField(), null=True), [f"'{{{UUID}}}'", f"'{{{UUID},{UUID}}}'"],
     [[UUID], [UUID, UUID]]),
    ("int8range", pg.BigIntegerRangeField(null=True), ["'[1,5]'", "'(,)'"],
     [NumericRange(1, 6), NumericRange(None, None, "()")]),
    ("daterange", pg.DateRangeField(null=True), ["'[2020-01-01,2020-01-31]'", "'empty'"],
     [DateRange(dt.date(2020, 1, 1), dt.date(2020, 2, 1)), DateRange(empty=True)]),
    same("int4multirange", text(), "{[1,3),[5,8)}", "{}"),
    ("int4range", text(), ["'[1,5]'", "'empty'"], ["[1,6)", "empty"]),
]  # fmt: skip

OF_MARIADB: list[Column] = [
    ("tinyint", models.SmallIntegerField(null=True), ["-128", "127"], [-128, 127]),
    ("tinyint unsigned", models.SmallIntegerField(null=True), ["255", "0"], [255, 0]),
    ("mediumint unsigned", models.IntegerField(null=True), ["16777215", "0"], [16777215, 0]),
    ("int unsigned", models.BigIntegerField(null=True), ["4294967295", "0"], [4294967295, 0]),
    ("int(5) zerofill", models.IntegerField(null=True), ["42", "0"], [42, 0]),
    ("bigint", models.BigIntegerField(null=True), [str(-(2**63)), "1"], [-(2**63), 1]),
    ("bigint unsigned", decimal(), [str(2**64 - 1), "1"], [Decimal(2**64 - 1), Decimal(1)]),
    ("decimal(40,20)", decimal(), ["-1.1", "12345678901234567890.00000000000000000001"],
     [Decimal("-1.1"), Decimal("12345678901234567890.00000000000000000001")]),
    ("float", models.FloatField(null=True), ["0.1", "-2.5"], [0.1, -2.5]),
    ("float", models.FloatField(null=True), ["16777216", "3.14159274"], [16777216.0, 3.1415927410125732]),
    ("float", models.FloatField(null=True, blank=True), ["1e30", "NULL"], [1e30, None]),
    ("float", models.FloatField(null=True), ["-1.17549435e-38", "0"], [-1.1754943508222875e-38, 0.0]),
    ("float", models.IntegerField(), ["16777216", "-16777215"], [16777216, -16777215]),
    ("double", models.FloatField(null=True), ["0.30000000000000004", "-1e-300"], [0.1 + 0.2, -1e-300]),
    ("boolean", models.BooleanField(null=True), ["true", "false"], [True, False]),
    ("bit(1)", models.BooleanField(null=True), ["b'1'", "b'0'"], [True, False]),
    ("bit(64)", decimal(), [f"b'{'1' * 64}'", "b'101'"], [Decimal(2**64 - 1), Decimal(5)]),
    ("bit(16)", blob(), ["b'1111111100000001'", "0"], [b"\xff\x01", b"\0\0"]),
    ("date", models.DateField(null=True), ["'1000-01-01'", "'9999-12-31'"], [dt.date(1000, 1, 1), dt.date.max]),
    ("datetime", moment(), ["'1000-01-01'", "'9999-12-31 23:59:59'"],
     [dt.datetime(1000, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)]),
    ("datetime(6)", moment(), ["'2020-07-01 12:00:00.000001'", "'2020-07-01'"],
     [dt.datetime(2020, 7, 1, 12, 0, 0, 1, dt.UTC), dt.datetime(2020, 7, 1, tzinfo=dt.UTC)]),
    ("timestamp(3) NULL", moment(), ["'2020-07-01 12:00:00.125'", "'1971-01-01'"],
     [dt.datetime(2020, 7, 1, 12, 0, 0, 125_000, dt.UTC), dt.datetime(1971, 1, 1, tzinfo=dt.UTC)]),
    ("time(6)", models.TimeField(null=True), ["'23:59:59.999999'", "'00:00'"], [dt.time.max, dt.time.min]),
    ("time(6)", models.DurationField(null=True), ["'-838:59:59'", "'24:00:00.5'"],
     [-dt.timedelta(hours=838, minutes=59, seconds=59), dt.timedelta(days=1, seconds=0.5)]),
    ("year", models.IntegerField(null=True), ["1901", "2155"], [1901, 2155]),
    ("varchar(50)", text(), ["'{}'".format(TEXT.replace("'", "''").replace("\\", "\\\\")), "' x '"], [TEXT, " x "]),
    ("char(5)", text(), ["'ab'", "'abcde'"], ["ab", "abcde"]),
    ("varchar(9) CHARACTER SET latin1", text(), ["'Zoë'", "'€'"], ["Zoë", "€"]),
    ("varchar(9) COLLATE utf8mb4_bin", text(), ["'Zoë'", "'x'"], ["Zoë", "x"]),
    ("longtext", text(), [f"'{'x' * 5_000}'", "'😀'"], ["x" * 5_000, "😀"]),
    ("binary(3)", blob(), ["x'00ff'", "'abc'"], [b"\0\xff\0", b"abc"]),
    ("varbinary(9)", blob(), ["x'00ff'", "''"], [b"\0\xff", b""]),
    ("longblob", blob(), ["x'00ff'", "'YWJj'"], [b"\0\xff", b"YWJj"]),
    ("blob", text(), ["'abc'", "'ä'"], ["abc", "ä"]),
    ("enum('small', 'x large')", text(), ["'small'", "'x large'"], ["small", "x large"]),
    ("set('a', 'b', 'c')", text(), ["'a,c'", "''"], ["a,c", None]),
    ("json", models.JSONField(null=True), ["'{\"a\": [1, null]}'", "'\"x\"'"], [{"a": [1, None]}, "x"]),
    ("uuid", models.UUIDField(null=True), [f"'{UUID}'", f"'{uuid.UUID(int=1)}'"], [UUID, uuid.UUID(int=1)]),
    ("inet6", models.GenericIPAddressField(null=True), ["'2001:db8::1'", "'::1'"], ["2001:db8::1", "::1"]),
]  # fmt: skip

OF_SQLITE: list[Column] = [
    ("INTEGER", models.BigIntegerField(null=True), [str(-(2**63)), str(2**63 - 1)], [-(2**63), 2**63 - 1]),
    ("REAL", models.FloatField(null=True), ["0.30000000000000004", "1e300"], [0.1 + 0.2, 1e300]),
    ("REAL", models.IntegerField(null=True), ["5.0", "-1e9"], [5, -(10**9)]),
    ("NUMERIC", decimal(), ["1.5", "'0.10000000000000000001'"], [Decimal("1.5"), Decimal("0.1")]),
    ("TEXT", text(), [quoted(TEXT), "' x '"], [TEXT, " x "]),
    ("TEXT", decimal(), ["'0.10000000000000000001'", "1"], [Decimal("0.10000000000000000001"), Decimal(1)]),
    ("BLOB", blob(), ["x'00ff'", "x''"], [b"\0\xff", b""]),
    ("BLOB", text(), ["x'6162'", "x'c3a4'"], ["ab", "ä"]),
    ("BOOLEAN", models.BooleanField(null=True), ["1", "0"], [True, False]),
    ("DATE", models.DateField(null=True), ["'0001-01-01'", "'9999-12-31'"], [dt.date.min, dt.date.max]),
    ("DATETIME", moment(), ["'2020-07-01 12:00:00.5'", "'2020-07-01T12:00:00Z'"],
     [dt.datetime(2020, 7, 1, 12, 0, 0, 500_000, dt.UTC), dt.datetime(2020, 7, 1, 12, tzinfo=dt.UTC)]),
    ("TIME", models.TimeField(null=True), ["'23:59'", "'00:00:00.000001'"], [dt.time(23, 59), dt.time(0, 0, 0, 1)]),
    ("JSON", models.JSONField(null=True), ["'{\"a\": [1, null]}'", "5"], [{"a": [1, None]}, 5]),
    ("", text(), ["1", "'x'"], ["1", "x"]),
    ("", blob(), ["x'ff'", "'YWJj'"], [b"\xff", b"abc"]),
    ("CHAR(3)", text(), ["'longer than three'", "7"], ["longer than three", "7"]),
    ("UUID", models.UUIDField(null=True), [f"'{UUID}'", f"'{UUID.hex}'"], [UUID, UUID]),
]  # fmt: skip

# A column: its type, the field it fills, its values as Polars has them, and as Django.
OF_PARQUET: list[tuple[Any, models.Field, list[Any], list[Any]]] = [
    (pl.Int8, models.SmallIntegerField(null=True), [-128, 127], [-128, 127]),
    (pl.UInt32, models.BigIntegerField(null=True), [2**32 - 1, 0], [2**32 - 1, 0]),
    (pl.Int64, models.BigIntegerField(null=True), [-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1]),
    (pl.UInt64, decimal(), [2**64 - 1, 0], [Decimal(2**64 - 1), Decimal(0)]),
    (pl.Float32, models.FloatField(null=True), [0.5, -2.0], [0.5, -2.0]),
    (pl.Float64, models.FloatField(null=True), [0.1 + 0.2, 1e300], [0.1 + 0.2, 1e300]),
    (pl.Float64, models.IntegerField(null=True), [5.0, -1e9], [5, -(10**9)]),
    (pl.Decimal(38, 20), decimal(), [Decimal("-1.1"), Decimal("123456789012345678.00000000000000000001")],
     [Decimal("-1.1"), Decimal("123456789012345678.00000000000000000001")]),
    (pl.Boolean, models.BooleanField(null=True), [True, False], [True, False]),
    (pl.String, text(), [TEXT, " x "], [TEXT, " x "]),
    (pl.Categorical, text(), ["a", "b c"], ["a", "b c"]),
    (pl.Binary, blob(), [b"\0\xff", b""], [b"\0\xff", b""]),
    (pl.Binary, text(), [b"abc", "ä".encode()], ["abc", "ä"]),
    (pl.Date, models.DateField(null=True), [dt.date.min, dt.date.max], [dt.date.min, dt.date.max]),
    (pl.Datetime("us"), moment(), [dt.datetime(1000, 1, 1), dt.datetime(2020, 7, 1, 12, 0, 0, 1)],
     [dt.datetime(1000, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 7, 1, 12, 0, 0, 1, dt.UTC)]),
    (pl.Datetime("ms", "Asia/Kathmandu"), moment(), [dt.datetime(2020, 7, 1, 6, 15, tzinfo=dt.UTC)] * 2,
     [dt.datetime(2020, 7, 1, 6, 15, tzinfo=dt.UTC)] * 2),
    (pl.Datetime("ns"), moment(), [dt.datetime(2020, 7, 1, 12, 0, 0, 1)] * 2,
     [dt.datetime(2020, 7, 1, 12, 0, 0, 1, dt.UTC)] * 2),
    (pl.Time, models.TimeField(null=True), [dt.time.min, dt.time.max], [dt.time.min, dt.time.max]),
    (pl.Duration("us"), models.DurationField(null=True), [dt.timedelta(-1, 0, 1), dt.timedelta(days=10**5)],
     [dt.timedelta(-1, 0, 1), dt.timedelta(days=10**5)]),
    (pl.List(pl.Int64), pg.ArrayField(models.IntegerField(), null=True, blank=True), [[1, 2], []], [[1, 2], []]),
    (pl.List(pl.String), pg.ArrayField(models.TextField(), null=True), [["a,b", '{"'], ["x"]], [["a,b", '{"'], ["x"]]),
    (pl.List(pl.Binary), pg.ArrayField(models.BinaryField(blank=True), null=True), [[b"\xff", b"abcd"], [b""]],
     [[b"\xff", b"abcd"], [b""]]),
    (pl.List(pl.String), pg.ArrayField(models.JSONField(), null=True), [["a"], ["b"]], [["a"], ["b"]]),
    (pl.List(pl.Date), days(), [[dt.date.min], [dt.date.max]], [[dt.date.min], [dt.date.max]]),
    (pl.List(pl.Decimal(20, 2)), pg.ArrayField(models.DecimalField(max_digits=20, decimal_places=2), null=True),
     [[Decimal("0.10")], [Decimal("1.10")]], [[Decimal("0.10")], [Decimal("1.10")]]),
    (pl.Array(pl.Int64, 2), models.JSONField(null=True), [[1, 2], [3, 4]], [[1, 2], [3, 4]]),
    (pl.Struct({"a": pl.Int64, "b": pl.String}), models.JSONField(null=True),
     [{"a": 1, "b": "x"}, {"a": None, "b": ""}], [{"a": 1, "b": "x"}, {"a": None, "b": ""}]),
    (pl.Float64, models.JSONField(null=True), [1.5, 2.0], [1.5, 2.0]),
]  # fmt: skip


def fill(columns: list[Column], table: str, execute: Callable[[str], Any]) -> None:
    assert all(len(values) == len(expected) == 2 for _, _, values, expected in columns)
    types = ", ".join(f"c{number} {kind}" for number, (kind, *_) in enumerate(columns))
    execute(f"CREATE TABLE {table} (nr int PRIMARY KEY, {types})")
    for nr in (0, 1):
        execute(f"INSERT INTO {table} VALUES ({nr}, {', '.join(values[nr] for _, _, values, _ in columns)})")


def check(columns: list[Any], target: Callable[..., Any], run: Callable[..., Any], source: str) -> None:
    fields = {f"c{number}": field.clone() for number, (_, field, *_) in enumerate(columns)}
    model = target(
        nr=models.IntegerField(unique=True), **fields, meta={"key": ("nr",), "on_conflict": "update"}
    )

    job, first = run(source)
    _, again = run(source)

    assert (first.status, rejected(job)) == ("completed", {}), first
    for row in model.objects.order_by("nr"):
        for number, (kind, _, _, values) in enumerate(columns):
            found = getattr(row, f"c{number}")
            assert (kind, found, type(found)) == (kind, values[row.nr], type(values[row.nr]))
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2), again


def test_of_postgresql(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace
) -> None:
    postgres.execute("CREATE TYPE legacy.mood AS ENUM ('sad', 'so so')")
    postgres.execute("CREATE DOMAIN legacy.positive AS int CHECK (value > 0)")
    postgres.execute("CREATE TYPE legacy.pair AS (one int, two text)")
    fill(OF_POSTGRESQL, "legacy.t", postgres.execute)

    check(OF_POSTGRESQL, target, run, "db:default/legacy.t")


def test_xml_of_postgresql(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace
) -> None:
    column = same("xml", text(), '<a b="1">ä</a>', "<x/>")
    try:
        fill([column], "legacy.t", postgres.execute)
    except NotSupportedError:
        pytest.skip("NOT TESTED: this PostgreSQL is built without libxml")

    check([column], target, run, "db:default/legacy.t")


def test_of_mariadb(target: Callable[..., Any], run: Callable[..., Any], mariadb: SimpleNamespace) -> None:
    fill(OF_MARIADB, "t", mariadb.execute)

    check(OF_MARIADB, target, run, "db:maria/t")


def test_of_sqlite(target: Callable[..., Any], run: Callable[..., Any], sqlite: sqlite3.Connection) -> None:
    fill(OF_SQLITE, "t", sqlite.execute)

    check(OF_SQLITE, target, run, "db:lite/t")


def test_of_parquet(target: Callable[..., Any], run: Callable[..., Any], folder: Path) -> None:
    series = [
        pl.Series(f"c{number}", values, dtype=kind) for number, (kind, _, values, _) in enumerate(OF_PARQUET)
    ]
    path = folder / "values.parquet"
    pl.DataFrame([pl.Series("nr", [0, 1]), *series]).write_parquet(path)

    check(OF_PARQUET, target, run, str(path))
