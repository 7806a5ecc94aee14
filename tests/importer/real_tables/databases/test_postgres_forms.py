"""PostgreSQL's own text forms of arrays, ranges and hstore are read, from files and from databases."""

import csv
import datetime as dt
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.postgres import fields as pg
from django.contrib.postgres.signals import get_hstore_oids, register_type_handlers
from django.db import connection, models
from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange, NumericRange

from tests.importer.real_tables.databases.fates import rejected

pytestmark = pytest.mark.django_db(transaction=True)

NOON = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)


def array(base: models.Field) -> Callable[[], models.Field]:
    return lambda: pg.ArrayField(base, null=True, blank=True)


# type in PostgreSQL, field, text → value; a text without a value is rejected
KINDS: dict[str, tuple[str, Callable[..., models.Field], dict[str, Any]]] = {
    "integers": (
        "int[]",
        array(models.IntegerField(null=True, blank=True)),
        {"{1,2}": [1, 2], "{}": [], "{-1,NULL}": [-1, None], "[5:6]={3,4}": [3, 4]},
    ),
    "texts": (
        "text[]",
        array(models.TextField(null=True, blank=True)),
        {
            '{a,"b c","d,e","f\\"g","h\\\\i","","NULL",NULL,"{j}",ä}': [
                "a", "b c", "d,e", 'f"g', "h\\i", "", "NULL", None, "{j}", "ä",
            ]
        },
    ),
    "decimals": (
        "numeric[]",
        array(models.DecimalField(max_digits=30, decimal_places=10)),
        {"{1.10,12345678901234567890.0000000001}": [Decimal("1.10"), Decimal("12345678901234567890.0000000001")]},
    ),
    "days": (
        "date[]",
        array(models.DateField()),
        {"{2020-01-01,2020-02-29}": [dt.date(2020, 1, 1), dt.date(2020, 2, 29)], "{infinity}": ...},
    ),
    "moments": (
        "timestamptz[]",
        array(models.DateTimeField()),
        {'{"2020-01-01 12:00:00+00"}': [NOON]},
    ),
    "flags": ("bool[]", array(models.BooleanField()), {"{t,f}": [True, False]}),
    "documents": (
        "jsonb[]",
        array(models.JSONField()),
        {'{"{\\"a\\": [1, null]}","\\"text\\"",5}': [{"a": [1, None]}, "text", 5]},
    ),
    "bytes": ("bytea[]", array(models.BinaryField()), {'{"\\\\xff00","\\\\x"}': [b"\xff\x00", b""]}),
    "tables": (
        "int[]",
        array(pg.ArrayField(models.IntegerField())),
        {"{{1,2},{3,4}}": [[1, 2], [3, 4]], "{}": []},
    ),
    "flat texts": ("text[]", array(models.TextField()), {"{a}": ["a"], "{{a,b}}": ...}),
    "integer range": (
        "int4range",
        lambda: pg.IntegerRangeField(null=True, blank=True),
        {"[1,5)": NumericRange(1, 5), "[1,)": NumericRange(1, None), "(,5)": NumericRange(None, 5),
         "(,)": NumericRange(None, None, "()"), "empty": NumericRange(empty=True)},
    ),
    "decimal range": (
        "numrange",
        lambda: pg.DecimalRangeField(null=True, blank=True),
        {"[1.5,2.25]": NumericRange(Decimal("1.5"), Decimal("2.25"), "[]")},
    ),
    "day range": (
        "daterange",
        lambda: pg.DateRangeField(null=True, blank=True),
        {"[2020-01-01,2020-02-01)": DateRange(dt.date(2020, 1, 1), dt.date(2020, 2, 1)), "[2020-01-01,infinity)": ...},
    ),
    "moment range": (
        "tstzrange",
        lambda: pg.DateTimeRangeField(null=True, blank=True),
        {'["2020-01-01 12:00:00+00",)': DateTimeTZRange(NOON, None)},
    ),
    "ranges": (
        "int4range[]",
        array(pg.IntegerRangeField()),
        {'{"[1,5)","[7,8)"}': [NumericRange(1, 5), NumericRange(7, 8)]},
    ),
    "map": (
        "hstore",
        lambda: pg.HStoreField(null=True, blank=True),
        {'"a"=>"1", "b c"=>NULL, "d\\"e"=>"=>,"': {"a": "1", "b c": None, 'd"e': "=>,"}},
    ),
}  # fmt: skip

# Forms that people write, or that Django reads already; PostgreSQL would write them otherwise.
OF_FILES_ONLY: dict[str, dict[str, Any]] = {
    "integers": {
        "[1, 2]": [1, 2],
        " { 1 , 2 } ": [1, 2],
        "{1,2": ...,
        "{1,x}": ...,
        "1,2": ...,
        "{1}2": ...,
        "5": ...,
    },
    "texts": {"{null}": [None], '["{a}"]': ["{a}"]},
    "integer range": {
        "[1,5]": NumericRange(1, 6),
        '{"lower": 1, "upper": 5}': NumericRange(1, 5),
        " [1,5) ": NumericRange(1, 5),
        "EMPTY": NumericRange(empty=True),
        "[1,5)6": ...,
        "[5,1)": ...,
        "[1,x)": ...,
        "1,5": ...,
        "5": ...,
    },
    "map": {
        "k=>v": {"k": "v"},
        "k=>NULL": {"k": None},
        '{"a": "1"}': {"a": "1"},
        "k=v": ...,
        "[1]": ...,
        "5": ...,
    },
}


@pytest.fixture(autouse=True)
def hstore(transactional_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS hstore")
    get_hstore_oids.cache_clear()
    register_type_handlers(connection)
    yield
    connection.close()
    get_hstore_oids.cache_clear()


def stored(model: Any) -> dict[int, Any]:
    return dict(model.objects.values_list("nr", "value"))


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_database(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace, kind: str
) -> None:
    db_type, field, values = KINDS[kind]
    model = target(nr=models.IntegerField(), value=field())
    postgres.execute(f"CREATE TABLE legacy.t (nr int PRIMARY KEY, value {db_type})")
    for nr, text in enumerate(values):
        postgres.execute("INSERT INTO legacy.t VALUES (%s, %s)", [nr, text])

    job, result = run("db:default/legacy.t")

    good = {nr: value for nr, value in enumerate(values.values()) if value is not ...}
    assert (result.status, stored(model)) == ("completed", good), result
    assert {line - 1 for line in rejected(job)} == set(range(len(values))) - good.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_file(target: Callable[..., Any], run: Callable[..., Any], folder: Path, kind: str) -> None:
    _, field, values = KINDS[kind]
    values = values | OF_FILES_ONLY.get(kind, {})
    model = target(nr=models.IntegerField(), value=field())
    source = folder / "values.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("nr", "value"), *enumerate(values)])

    _, result = run(str(source))

    assert result.status == "completed", result
    assert {texts: stored(model).get(nr, ...) for nr, texts in enumerate(values)} == values


@pytest.mark.parametrize(
    ("db_type", "text", "value"),
    [
        ("int[]", "{1,NULL}", [1, None]),
        ("text[]", '{"a b",NULL}', ["a b", None]),
        ("hstore", '"a"=>"1"', {"a": "1"}),
        ("jsonb", '{"a": 1.50}', {"a": 1.5}),
        ("json", '{"a": [1, 2]}', {"a": [1, 2]}),
        ("bool", "t", True),
        ("numeric", "1.50", 1.5),
    ],
)
def test_in_a_json_field_they_become_json(
    target: Callable[..., Any],
    run: Callable[..., Any],
    postgres: SimpleNamespace,
    db_type: str,
    text: str,
    value: Any,
) -> None:
    model = target(nr=models.IntegerField(), value=models.JSONField())
    postgres.execute(f"CREATE TABLE legacy.t (nr int PRIMARY KEY, value {db_type})")
    postgres.execute("INSERT INTO legacy.t VALUES (0, %s)", [text])

    run("db:default/legacy.t")

    assert stored(model) == {0: value}
    assert json.dumps(stored(model)[0]) == json.dumps(value)


def test_an_update_compares_them(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace
) -> None:
    model = target(
        nr=models.IntegerField(unique=True),
        array=pg.ArrayField(models.TextField()),
        range=pg.IntegerRangeField(),
        map=pg.HStoreField(),
        meta={"key": ("nr",), "on_conflict": "update"},
    )
    postgres.execute(
        'CREATE TABLE legacy.t (nr int PRIMARY KEY, "array" text[], range int4range, map hstore)'
    )
    postgres.execute("INSERT INTO legacy.t VALUES (1, '{a}', '[1,5]', 'a=>1'), (2, '{b}', 'empty', '')")

    _, first = run("db:default/legacy.t")
    _, again = run("db:default/legacy.t")

    assert (first.inserted, first.rejected) == (1, 1), first  # an empty map is no value, as in full_clean()
    assert (again.unchanged, again.updated) == (1, 0), again
    row = model.objects.get()
    assert (row.array, row.range, row.map) == (["a"], NumericRange(1, 6), {"a": "1"})
