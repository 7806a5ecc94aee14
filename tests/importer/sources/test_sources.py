"""The same records from every kind of source."""

import io
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from importer.exceptions import SourceChanged
from importer.jobs import create_job
from importer.models import StagingRecord
from importer.parse.open import open_reader
from importer.run.plan import plan
from tests.importer.conftest import Importing
from tests.importer.private_site import PrivateSite
from tests.importer.samples.crm.models import Contact, Everything
from tests.importer.sources.formats import SOURCES

pytestmark = pytest.mark.django_db(transaction=True)


# Processes read each chunk as one process does, so a few formats stand for all there; the rest is for `-m long`.
IN_PROCESSES = {"windows.csv", "packed-utf16.csv.gz", "columns.parquet"}
WAYS = [(name, "inline") for name in SOURCES] + [
    pytest.param(name, "process", marks=[] if name in IN_PROCESSES else pytest.mark.long) for name in SOURCES
]


@pytest.mark.parametrize(("name", "executor"), WAYS)
def test_every_format_gives_the_same_rows_and_lines(
    importing: Importing, settings: Any, name: str, executor: str
) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 4_000, "CHUNK_RECORDS": 70}
    content, options, first_line = SOURCES[name]

    job, result = importing("contacts", content(), name=name, executor=executor, **options)

    assert (result.status, result.read, result.inserted, result.rejected) == ("completed", 300, 298, 2), (
        result
    )
    assert job.chunks.count() > 3
    lines = list(StagingRecord.objects.filter(job=job).order_by("line").values_list("line", flat=True))
    assert lines == [7 + first_line, 99 + first_line]
    assert Contact.objects.filter(first_name="Zoë", joined__isnull=True).count() == 59
    assert str(sum(Contact.objects.values_list("balance", flat=True))) == "45191.00"


JSON_VALUES = [True, "hello", "5", 5, 1.5, {"a": [1, "1", None]}, ["x"], None, 10**30, ""]


def test_a_json_field_takes_the_values_of_json_lines_as_they_are(importing: Importing) -> None:
    """`true` and "hello" were rejected, and "5" became 5."""
    lines = [json.dumps({"char": str(n), "data": value, "integer": n}) for n, value in enumerate(JSON_VALUES)]

    _, result = importing("everything", "\n".join(lines), name="lines.jsonl")

    assert result.inserted == len(JSON_VALUES), result
    rows = Everything.objects.order_by("integer").values_list("data", flat=True)
    assert [(type(value), value) for value in rows] == [
        (type(value), value) for value in JSON_VALUES[:-1]
    ] + [(type(None), None)]


@pytest.mark.parametrize(
    "values", [[True, False, None], ["hello", "5", None], [5, 6, None], [{"a": "1"}, {"a": "b"}]]
)
def test_a_json_field_takes_the_values_of_parquet_as_they_are(
    importing: Importing, values: list[Any]
) -> None:
    buffer = io.BytesIO()
    columns = {"char": ["c"] * len(values), "integer": range(len(values)), "data": values}
    pl.DataFrame(columns).write_parquet(buffer)

    _, result = importing("everything", buffer.getvalue(), name="columns.parquet")

    assert result.inserted == len(values), result
    assert list(Everything.objects.order_by("integer").values_list("data", flat=True)) == values


def test_a_table_is_read_by_its_key(private_site: PrivateSite) -> None:
    with sqlite3.connect(private_site.folder / "legacy.sqlite") as legacy:
        legacy.execute("CREATE TABLE contacts (nr INTEGER PRIMARY KEY, mail TEXT)")
        legacy.executemany("INSERT INTO contacts VALUES (?, ?)", [(n * 3, f"L{n}") for n in range(250)])
    private_site.importer = {"CHUNK_RECORDS": 60, "BATCH_SIZE_MIN": 25, "BATCH_SIZE_MAX": 25}

    table = private_site.create_job(Path("db:legacy/contacts"), "legacy-companies")
    query = private_site.create_job(Path("db:legacy/few"), "legacy-companies")
    result, by_query = private_site.run(table, "--workers", "2"), private_site.run(query)

    private_site.importer = {}
    assert (result["status"], result["read"], result["inserted"]) == ("completed", 250, 250)
    assert (by_query["read"], by_query["skipped"]) == (4, 4)
    assert private_site.sql("SELECT count(*), sum(name::int) FROM crm_company WHERE code LIKE 'L%%'") == [
        (250, 93375)
    ]


def test_each_worker_reads_what_was_planned_on_and_nothing_else(folder: Path) -> None:
    source = folder / "companies.csv"
    source.write_text("code,name\nC1,One\n")
    job = create_job("companies", str(source))
    plan(job)
    moment = os.stat(source).st_mtime + 10

    source.write_text("code,name\nC2,Two\n")
    os.utime(source, (moment, moment))
    with pytest.raises(SourceChanged, match="changed since job"):
        open_reader(job)

    source.write_text("code,name\nC1,One\n")  # a copy, on another machine
    os.utime(source, (moment + 10, moment + 10))
    open_reader(job).close()
