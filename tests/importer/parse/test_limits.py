"""Each limit on what a source may cost: what it accepts, rejects and refuses, with which message."""

import gzip
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import polars as pl
import pytest

from importer import run_import
from importer.budget import records_within
from importer.jobs import create_job
from importer.models import StagingRecord
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company

pytestmark = pytest.mark.django_db(transaction=True)


def codes_and_rejections(job: Any) -> tuple[list[str], list[tuple[int, str]]]:
    rejected = StagingRecord.objects.filter(job=job).order_by("line")
    return (
        list(Company.objects.order_by("pk").values_list("code", flat=True)),
        [(record.line, record.errors[0]["code"]) for record in rejected],
    )


def as_lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def company(code: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "name": code.lower()} | more


# Columns, keys and cells


TOO_MANY_KEYS = 'The record has 5 keys, more than the 4 allowed (IMPORTER["MAX_COLUMNS"]).'


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_source_with_too_many_columns_is_refused(importing: Importing, settings: Any, name: str) -> None:
    settings.IMPORTER |= {"MAX_COLUMNS": 4}
    frame, buffer = pl.DataFrame([company("A", x=1, y=2, z=3)]), io.BytesIO()
    frame.write_parquet(buffer)
    text = {"csv": frame.write_csv(), "parquet": buffer.getvalue()}

    _, result = importing("companies", text[name.rpartition(".")[2]], name=name)

    assert result.reason == (
        f'The source "{name}" has 5 columns, more than the 4 allowed; raise IMPORTER["MAX_COLUMNS"] if that is right.'
    )


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (
            [company("A", x=1, y=2, z=3)],
            f"does not begin with valid JSON objects: {TOO_MANY_KEYS}",
        ),
        (
            [company("A", x=1, y=2), company("A", z=3)],
            'has 5 columns, more than the 4 allowed; raise IMPORTER["MAX_COLUMNS"] if that is right.',
        ),
    ],
    ids=["of each", "of all"],
)
def test_json_lines_with_too_many_keys_are_refused(
    importing: Importing, settings: Any, records: list[Any], reason: str
) -> None:
    settings.IMPORTER |= {"MAX_COLUMNS": 4}

    _, result = importing("companies", as_lines(*records), name="a.jsonl")

    assert result.reason == f'The source "a.jsonl" {reason}'


def test_a_record_wider_than_any_source_is_rejected_with_its_text(
    importing: Importing, settings: Any
) -> None:
    settings.IMPORTER |= {"MAX_COLUMNS": 4}
    text = 'code,name\nA,a\nB,b,1,2,3,4\nC,"c\n1,2,3,4,5\nc"\nD,"1,2,3,4,5,6"\nE,"e\n,,,,",,,,,\nF,f\n'

    job, _ = importing("companies", text)

    assert codes_and_rejections(job) == (
        ["A", "C", "D", "F"],
        [(3, "too_many_fields"), (8, "too_many_fields"), (9, "too_many_fields")],
    )
    record = StagingRecord.objects.get(job=job, line=3)
    assert record.raw == {"_raw": "B,b,1,2,3,4"}
    assert record.errors[0]["message"] == "The record has 6 fields where the header has 2."


def test_an_object_with_too_many_keys_or_values_is_rejected(importing: Importing, settings: Any) -> None:
    settings.IMPORTER |= {"MAX_COLUMNS": 5, "MAX_RECORD_VALUES": 60}
    lines = as_lines(
        company("A"),
        company("B", **{f"k{number}": 1 for number in range(9)}),
        company("C", many=list(range(60))),
        company("D", text="," * 200 + '\\"{['),
        company("E", many=list(range(40))),
    )

    job, _ = importing("companies", lines, name="a.jsonl")

    assert codes_and_rejections(job) == (["A", "D", "E"], [(2, "too_many_keys"), (3, "too_many_values")])
    messages = [r.errors[0]["message"] for r in StagingRecord.objects.filter(job=job).order_by("line")]
    assert messages == [
        'The record has 11 keys, more than the 5 allowed (IMPORTER["MAX_COLUMNS"]).',
        'The record has 64 values, more than the 60 allowed (IMPORTER["MAX_RECORD_VALUES"]).',
    ]


def test_keys_that_come_up_late_make_batches_smaller_and_lose_nothing(
    importing: Importing, settings: Any
) -> None:
    settings.IMPORTER |= {"MAX_COLUMNS": 30}
    first = [company(f"A{number}") for number in range(1_000)]
    late = [company(f"B{number}", **{f"k{number}-{n}": n for n in range(10)}) for number in range(50)]
    bad = [{"name": "x", "late": "kept"}]

    job, result = importing("companies", as_lines(*first, *late, *bad), name="a.jsonl")

    assert (result.status, result.inserted, result.rejected) == ("completed", 1_050, 1)
    assert result.batches > 20
    assert StagingRecord.objects.get(job=job).raw == {"code": None, "name": "x", "late": "kept"}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_batch_has_no_more_cells_than_it_may(importing: Importing, settings: Any, name: str) -> None:
    # The process of the tests may have more memory than a job's, and then batches would shrink.
    settings.IMPORTER |= {"BATCH_MAX_CELLS": 200, "BATCH_SIZE_MIN": 1, "MEMORY_THRESHOLD_MB": 100_000}
    frame, buffer = pl.DataFrame([company(f"A{number}") for number in range(1_000)]), io.BytesIO()
    frame.write_parquet(buffer)
    text = {"csv": frame.write_csv(), "jsonl": frame.write_ndjson(), "parquet": buffer.getvalue()}

    _, result = importing("companies", text[name.rpartition(".")[2]], name=name)

    assert (result.inserted, result.batches) == (1_000, 10)


def test_a_batch_has_one_record_at_least() -> None:
    assert records_within(["c"], 2_000) == 2_000
    assert records_within(["c"] * 2_000, 10_000) == 1_000
    assert records_within(["c" * 64_000_000], 10_000) == 1


# Bytes


def test_a_json_line_that_is_too_long_is_passed_over(importing: Importing, settings: Any) -> None:
    settings.IMPORTER |= {"MAX_RECORD_BYTES": 2_000, "BATCH_MAX_BYTES": 1_000, "CHUNK_BYTES": 1_500}
    long, longer = company("B", text="x" * 3_000), company("E", text="x" * 30_000)
    lines = [long, company("A"), longer, company("C", text="x" * 1_800), long, company("D"), longer]

    job, result = importing("companies", as_lines(*lines)[:-1], name="a.jsonl")

    assert (result.status, result.read) == ("completed", 7)
    codes, rejected = codes_and_rejections(job)
    assert codes == ["A", "C", "D"]
    assert rejected == [(line, "record_too_long") for line in (1, 3, 5, 7)]
    message = StagingRecord.objects.get(job=job, line=3).errors[0]["message"]
    assert message == f"The record has {len(json.dumps(longer)) + 1:,} bytes, more than the 2,000 allowed."


def test_parquet_is_cut_by_the_bytes_of_its_text(importing: Importing, settings: Any) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 1_000, "BATCH_MAX_BYTES": 2_000, "MAX_RECORD_BYTES": 5_000}
    sizes = [10] * 50 + [6_000, 10, 3_000, 3_000, 9_000, 9_000] + [10] * 50
    records = [company(f"A{number}", text="x" * size) for number, size in enumerate(sizes)]
    buffer = io.BytesIO()
    pl.DataFrame(records).write_parquet(buffer)

    job, result = importing("companies", buffer.getvalue(), name="a.parquet")

    codes, rejected = codes_and_rejections(job)
    assert codes == [f"A{number}" for number, size in enumerate(sizes) if size < 5_000]
    assert rejected == [(51, "record_too_long"), (55, "record_too_long"), (56, "record_too_long")]
    assert job.chunks.count() == 1 + 5
    assert result.batches > 5


@pytest.mark.parametrize(
    "values",
    [
        [["x" * 6_000], ["y"]], [[["x"] * 3_000], [[]]], [{"a": {"b": "x" * 6_000}}, {"a": {"b": ""}}],
        [[{"a": 1}] * 1_000, []], [b"x" * 6_000, b""],
    ],
    ids=range(5),
)  # fmt: skip
def test_nested_values_are_weighed_as_the_text_they_make(
    importing: Importing, settings: Any, values: list[Any]
) -> None:
    settings.IMPORTER |= {"MAX_RECORD_BYTES": 5_000}
    buffer = io.BytesIO()
    pl.DataFrame({"code": ["A", "B"], "name": ["a", "b"], "values": values}).write_parquet(buffer)

    job, _ = importing("companies", buffer.getvalue(), name="a.parquet")

    assert codes_and_rejections(job) == (["B"], [(1, "record_too_long")])


# Time


LATE = 'was not fetched, unpacked and planned within 0 s; raise IMPORTER["PREPARE_MAX_SECONDS"] if that is right.'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(b"", mtime=0) * 300_000),
        ("a.csv", b"code,name\n" + b"A,a\n" * 1_000_000),
        ("a.parquet", b"whatever it is, to start a process takes longer"),
    ],
    ids=["unpacking", "planning", "decoding"],
)
def test_what_takes_too_long_is_given_up(
    importing: Importing, settings: Any, name: str, content: bytes
) -> None:
    settings.IMPORTER |= {"PREPARE_MAX_SECONDS": 0.02, "CHUNK_BYTES": 1_000}

    _, result = importing("companies", content, name=name)

    assert result.reason == f'The source "{name}" {LATE}'


@pytest.fixture
def dripping_store() -> Iterator[str]:
    """Sends a byte of an object every now and then, and never all of it."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.send_header("ETag", '"one"')
            self.send_header("Last-Modified", "Mon, 01 Jun 2026 00:00:00 GMT")
            self.end_headers()
            while not is_over.wait(0.05):
                self.wfile.write(b"x")

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        is_over.set()
        server.shutdown()
        thread.join()


def test_a_store_that_drips_is_given_up(folder: Any, settings: Any, dripping_store: str) -> None:
    pytest.importorskip("storages.backends.s3")
    credentials = {
        "access_key": "a",
        "secret_key": "b",
        "region_name": "us-east-1",
        "addressing_style": "path",
    }
    settings.IMPORTER |= {
        "REMOTE_ROOTS": ["s3://legacy"],
        "S3": credentials | {"endpoint_url": dripping_store},
        "PREPARE_MAX_SECONDS": 0.4,
    }
    job = create_job("companies", "s3://legacy/a.csv")
    began = time.monotonic()

    result = run_import(job)

    assert result.reason == f'The source "a.csv" {LATE}'
    assert time.monotonic() - began < 5
