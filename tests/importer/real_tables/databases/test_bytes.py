"""Bytes of typed sources arrive as the same bytes, on both ways into the table."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from django.core.exceptions import ValidationError
from django.db import models

from importer import Column
from importer.rejects.replay import replay_rejects
from tests.importer.real_tables.databases.fates import rejected

pytestmark = pytest.mark.django_db(transaction=True)

# Text, base64 by accident, no text at all, nothing, each byte, what looks like text of bytes.
DATA = [b"abcd", b"YWJj", b"\xff\x00\xfe", b"", bytes(range(256)), b"\\x6162", b"====", b"\0", None]


def blob() -> models.BinaryField:
    return models.BinaryField(null=True, blank=True, editable=True)


def stored(model: Any) -> list[tuple[int, bytes | None]]:
    rows = model.objects.order_by("nr").values_list("nr", "data")
    return [(nr, None if data is None else bytes(data)) for nr, data in rows]


def write_parquet(folder: Path, data: list[bytes | None]) -> str:
    path = folder / "blobs.parquet"
    pl.DataFrame({"nr": range(len(data)), "data": pl.Series(data, dtype=pl.Binary)}).write_parquet(path)
    return str(path)


def test_of_parquet(target: Callable[..., Any], run: Callable[..., Any], folder: Path) -> None:
    model = target(nr=models.IntegerField(), data=blob())

    _, result = run(write_parquet(folder, DATA))

    assert (result.status, result.rejected) == ("completed", 0), result
    assert stored(model) == list(enumerate(DATA))


def test_of_postgresql(
    target: Callable[..., Any], run: Callable[..., Any], postgres: SimpleNamespace
) -> None:
    model = target(nr=models.IntegerField(), data=blob())
    postgres.execute("CREATE TABLE public.blobs (nr int PRIMARY KEY, data bytea)")
    for nr, data in enumerate(DATA):
        postgres.execute("INSERT INTO blobs VALUES (%s, %s)", [nr, data])

    try:
        _, result = run("db:default/blobs")
    finally:
        postgres.execute("DROP TABLE public.blobs")

    assert (result.status, result.rejected) == ("completed", 0), result
    assert stored(model) == list(enumerate(DATA))


def test_of_sqlite(target: Callable[..., Any], run: Callable[..., Any], sqlite: sqlite3.Connection) -> None:
    model = target(nr=models.IntegerField(), data=blob())
    sqlite.execute("CREATE TABLE blobs (nr INTEGER PRIMARY KEY, data BLOB)")
    sqlite.executemany("INSERT INTO blobs VALUES (?, ?)", enumerate(DATA))

    _, result = run("db:lite/blobs")

    assert (result.status, result.rejected) == ("completed", 0), result
    assert stored(model) == list(enumerate(DATA))


def test_an_update_compares_bytes(target: Callable[..., Any], run: Callable[..., Any], folder: Path) -> None:
    model = target(
        nr=models.IntegerField(unique=True), data=blob(), meta={"key": ("nr",), "on_conflict": "update"}
    )
    run(write_parquet(folder, DATA))

    _, again = run(write_parquet(folder, DATA))
    _, changed = run(write_parquet(folder, [b"other", *DATA[1:]]))

    assert (again.updated, again.unchanged) == (0, len(DATA))
    assert (changed.updated, changed.unchanged) == (1, len(DATA) - 1)
    assert stored(model) == [(0, b"other"), *list(enumerate(DATA))[1:]]


def test_records_cleaned_one_by_one_see_bytes(
    target: Callable[..., Any], run: Callable[..., Any], folder: Path
) -> None:
    """A view of the bytes, as BinaryField makes of base64, cannot be copied."""
    seen = []

    def clean(self: Any) -> None:
        seen.append(self.data)
        if self.data == b"abcd":
            self.data = b"dcba"

    def clean_record(self: Any, record: dict[str, Any]) -> None:
        if record["data"] == b"":
            record["data"] = b"empty"

    fields = {"nr": models.IntegerField(unique=True), "data": blob(), "clean": clean}
    meta = {"key": ("nr",), "on_conflict": "update"}
    model = target(**fields, spec={"clean_record": clean_record}, meta=meta)

    _, result = run(write_parquet(folder, DATA))
    _, again = run(write_parquet(folder, DATA))

    assert (result.inserted, again.unchanged) == (len(DATA), len(DATA)), (result, again)
    expected = [b"dcba", *DATA[1:]]
    expected[DATA.index(b"")] = b"empty"
    assert stored(model) == list(enumerate(expected))
    assert {type(data) for data in seen} == {bytes, type(None)}


def test_of_a_file_as_django_reads_them(
    target: Callable[..., Any], run: Callable[..., Any], folder: Path
) -> None:
    def clean(self: Any) -> None:
        assert isinstance(self.data, bytes)

    model = target(nr=models.IntegerField(), data=blob(), clean=clean)
    source = folder / "blobs.csv"
    source.write_text("nr,data\n0,YWJjZA==\n2,\\x61626364\n3,nothing\n")

    job, _ = run(str(source))

    assert stored(model) == [(0, b"abcd")]
    assert rejected(job) == {3: [("data", "\\x61626364")], 4: [("data", "nothing")]}


def test_a_transform_gets_the_text_of_bytes(
    target: Callable[..., Any], run: Callable[..., Any], folder: Path
) -> None:
    model = target(
        nr=models.IntegerField(), data=blob(), spec={"data": Column("data", transform=bytes.fromhex)}
    )

    job, _ = run(write_parquet(folder, [b"6162", b"\xff"]))

    assert stored(model) == [(0, b"ab")]
    assert rejected(job) == {2: [("data", "\\xff")]}


def test_a_rejected_record_keeps_its_bytes_for_the_replay(
    target: Callable[..., Any], run: Callable[..., Any], folder: Path
) -> None:
    refused = {b"\x00\xff\x00"}

    def clean(self: Any) -> None:
        if self.data in refused:
            raise ValidationError({"data": "Not yet."})

    model = target(nr=models.IntegerField(), data=blob(), clean=clean)
    job, _ = run(write_parquet(folder, [b"\x00\xff", b"\x00\xff\x00"]))
    assert list(rejected(job)) == [2]

    refused.clear()
    replay_rejects(job)

    assert stored(model) == [(0, b"\x00\xff"), (1, b"\x00\xff\x00")]
