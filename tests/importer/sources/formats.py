"""The same records in every format that a source may have."""

import gzip
import io
import json
import zipfile
from typing import Any

import polars as pl
import zstandard

ROWS = [
    {"legacy_id": number, "email": f"a{number}@example.com", "first_name": "Zoë", "ROLE": "user", "COMP_CD": None,
     "JOIN_DT": None if number % 5 == 0 else "02/28/2020", "balance": f"{number}.50"}
    for number in range(1, 301)
]  # fmt: skip
ROWS[7]["email"] = "broken"
ROWS[99]["ROLE"] = "king"


def as_csv(delimiter: str = ",") -> str:
    lines = [list(ROWS[0]), *([str(value or "") for value in row.values()] for row in ROWS)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def as_json_lines() -> str:
    return "".join(
        json.dumps({key: value for key, value in row.items() if value is not None}) + "\n" for row in ROWS
    )


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(ROWS).write_parquet(buffer, row_group_size=100)
    return buffer.getvalue()


def as_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", as_csv())
    return buffer.getvalue()


SOURCES: dict[str, tuple[Any, dict[str, str], int]] = {
    # name: (content, options, line of the first record)
    "plain.csv": (as_csv, {}, 2),
    "plain.tsv": (lambda: as_csv("\t"), {}, 2),
    "semicolon.csv": (lambda: as_csv(";"), {"delimiter": ";"}, 2),
    "windows.csv": (lambda: as_csv().replace("\n", "\r\n"), {}, 2),
    "old-mac.csv": (lambda: as_csv().replace("\n", "\r"), {}, 2),
    "marked.csv": (lambda: b"\xef\xbb\xbf" + as_csv().encode(), {}, 2),
    "latin.csv": (lambda: as_csv().encode("latin-1"), {"encoding": "latin-1"}, 2),
    "utf16.csv": (lambda: as_csv().encode("utf-16"), {"encoding": "utf-16"}, 2),
    "packed.csv.gz": (lambda: gzip.compress(as_csv().encode()), {}, 2),
    "packed.csv.zst": (lambda: zstandard.compress(as_csv().encode()), {}, 2),
    "packed.csv.zip": (as_zip, {}, 2),
    "packed-utf16.csv.gz": (lambda: gzip.compress(as_csv().encode("utf-16")), {"encoding": "utf-16"}, 2),
    "lines.jsonl": (as_json_lines, {}, 1),
    "lines.jsonl.gz": (lambda: gzip.compress(as_json_lines().encode()), {}, 1),
    "columns.parquet": (as_parquet, {}, 1),
}
