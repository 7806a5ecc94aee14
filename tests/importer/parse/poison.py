"""Defines small or sparse files that need gigabytes, and the expected outcome within one gigabyte."""

import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import zstandard

from tests.importer.parse.parquet_by_hand import Column, parquet_file
from tests.importer.parse.poison_workbooks import workbooks

MEGABYTE = 1024 * 1024
HEAD = b"code,name\n"
# What a record is rejected for, or what the refusal says; "" for a job that completes without either.
Poison = tuple[bytes | Callable[[BinaryIO], None], str]


def zipped(packed: bytes, method: int, *, size: int) -> bytes:
    """Return a zip of one member that is already compressed. Its CRC is wrong, but is never reached."""
    name = b"a.csv"
    sums = struct.pack("<III", 0, len(packed), size)
    local = (
        struct.pack("<4s5H", b"PK\3\4", 63, 0, method, 0, 0) + sums + struct.pack("<HH", len(name), 0) + name
    )
    entry = struct.pack("<4s6H", b"PK\1\2", 63, 63, 0, method, 0, 0) + sums
    entry += struct.pack("<5H2I", len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local) + len(packed), 0)
    return local + packed + entry + end


def zeros(compressor: Any, megabytes: int) -> bytes:
    block = bytes(MEGABYTE)
    return b"".join([*(compressor.compress(block) for _ in range(megabytes)), compressor.flush()])


def lzma_entry(dictionary: int, packed: bytes) -> bytes:
    """Return LZMA data after zip's header: version, length of the properties, lc/lp/pb, dictionary."""
    return struct.pack("<BBHBI", 9, 4, 5, 93, dictionary) + packed


def many_entries(number: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry in range(number):
            archive.writestr(f"{entry}{'x' * 100}.csv", b"")
    return buffer.getvalue()


def zips() -> dict[str, Poison]:
    raw = [{"id": lzma.FILTER_LZMA1, "preset": 0, "dict_size": 1 << 16}]
    size = 300 * MEGABYTE  # as the archives claim; a third is there, which is more than is unpacked of a bomb
    return {
        "deflate.csv.zip": (zipped(zeros(zlib.compressobj(1, wbits=-15), 100), 8, size=size), "archive bombs"),
        "bzip2.csv.zip": (zipped(zeros(bz2.BZ2Compressor(9), 100), 12, size=size), "archive bombs"),
        "lzma.csv.zip": (
            zipped(lzma_entry(1 << 16, zeros(lzma.LZMACompressor(lzma.FORMAT_RAW, filters=raw), 100)), 14, size=size),
            "archive bombs",
        ),
        "dictionary.csv.zip": (zipped(lzma_entry(0xFFFFFFFF, b"\0" * 100), 14, size=size), "dictionary of LZMA"),
        "cut.csv.zip": (zipped(lzma_entry(1 << 16, b"\0" * 10), 14, size=size), "is damaged"),
        "method.csv.zip": (zipped(b"\0" * 100, 9, size=size), "unsupported compression method .9.; compress"),
        "entries.csv.zip": (many_entries(30_000), "a directory of 4,194,305 bytes"),
    }  # fmt: skip


def zst_blocks(window: int, blocks: int) -> bytes:
    """Return blocks of a byte that unpacks to 128 kB each. `window` is the exponent in the frame's header."""
    head = struct.pack("<I", zstandard.MAGIC_NUMBER) + bytes([0, window << 3])
    block = (128 * 1024) << 3 | 1 << 1
    return head + (block.to_bytes(3, "little") + b"\n") * blocks


def streams() -> dict[str, Poison]:
    member = gzip.compress(b"\n" * MEGABYTE, mtime=0)
    return {
        "members.csv.gz": (gzip.compress(HEAD, mtime=0) + member * 600, "archive bombs"),
        "empty.csv.gz": (gzip.compress(b"", mtime=0) * 30_000, "is empty"),
        "name.csv.gz": (b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 2 * MEGABYTE, "damaged"),
        "blocks.csv.zst": (zst_blocks(7, 12_000), "archive bombs"),
        "window.csv.zst": (zst_blocks(31, 10), "damaged"),
        "window-128.csv.zst": (zst_blocks(17, 12_000), "archive bombs"),
        "utf-16-le.csv.gz": (gzip.compress("\n".encode("utf-16-le") * 60 * MEGABYTE, 1, mtime=0), "archive bombs"),
        "utf-7.csv": (b"code,name\nA,+" + b"AGEA" * 10 * MEGABYTE, "without an end"),
    }  # fmt: skip


def in_a_sparse_file(beginning: bytes, end: bytes, gigabytes: float = 0.4) -> Callable[[BinaryIO], None]:
    """Return a sparse file: its NUL bytes in the middle take no space on a disk."""

    def write(file: BinaryIO) -> None:
        file.write(beginning)
        file.seek(int(gigabytes * 1024 * MEGABYTE))
        file.write(end)

    return write


def delimited() -> dict[str, Poison]:
    fields = 15 * MEGABYTE
    return {
        "commas.csv": (b"," * fields + b"\n", "has 15,728,641 columns"),
        "commas-and-quotes.csv": (b'"",' * (fields // 3) + b"\n", "has 5,242,881 columns"),
        "names.csv": (b",".join(b"%x" % n for n in range(2_000_000)) + b"\n", "has 2,000,000 columns"),
        "wide-record.csv": (HEAD + b"A,Ann\n" + b"," * fields + b"\nC,Cid\n", "too_many_fields"),
        "wide-records.csv": (HEAD + (b"a1," * 1_000_000 + b"\n") * 8, "too_many_fields"),
        "all-rejected.csv": (
            b"code,name," + b",".join(b"c%d" % n for n in range(1_998)) + b"\n" + (b"ab," * 1_999 + b"z\n") * 1_500,
            "unique",
        ),
        "wide-in-quotes.csv": (HEAD + b'A,"' + b"x,\n" * 40 + b"," * fields + b'"\nC,Cid\n', "max_length"),
        "quotes.csv": (HEAD + b'"' * fields + b"\nC,Cid\n", "stray_quote|unterminated_quote|too_few_fields"),
        "doubled.csv": (HEAD + b'A,"' + b'""' * 4 * MEGABYTE + b'"\nC,Cid\n', "max_length"),
        "quoted-fields.csv": (HEAD + (b'A,"' + b'a""' * 1_000 + b'"\n') * 3_000, "max_length|unique"),
        "line.csv": (in_a_sparse_file(HEAD + b"A,Ann\nB,", b"\nC,Cid\n"), "record_too_long"),
        "header.csv": (in_a_sparse_file(b"code,", b"\nC,Cid\n"), "header"),
        "quoted.csv": (in_a_sparse_file(HEAD + b'A,Ann\nB,"', b'"\nC,Cid\n'), "record_too_long"),
        "blank.csv": (HEAD + b"A,Ann\n" + b"\n" * 50 * MEGABYTE + b"C,Cid\n", ""),
        "blank-returns.csv": (HEAD + b"\r\n" * 20 * MEGABYTE + b"C,Cid\r\n", ""),
        "only-blank.csv": (b"\n" * 50 * MEGABYTE, "only blank lines"),
        "long-name.csv": (b"code,name," + b"x" * 2 * MEGABYTE + b"\n" + b",,\n" * 2_000, "2,097,160 characters"),
        "long-names.csv": (
            b"code,name," + b",".join(b"%s%d" % (b"n" * 120, n) for n in range(1_900)) + b"\n"
            + (b"," * 1_901 + b"\n") * 3_000,
            "null|key_missing|blank",
        ),
        "stray-quotes.csv": (HEAD + b'z",y,"\n' * 20_000, "stray_quote|unterminated_quote|too_few_fields"),
        "distinct.csv": (
            HEAD + "".join(f"D{n},{n}\N{GRINNING FACE}{'y' * 200_000}\n" for n in range(300)).encode(), "max_length",
        ),
        "contested.csv": (
            b"code,name,more\n" + ("Q,n," + "\N{GRINNING FACE}" + "z" * 1_500_000 + "\n").encode() * 60, "",
        ),
        "tabs.tsv": (b"\t" * fields + b"\n", "has 15,728,641 columns"),
    }  # fmt: skip


def as_lines(*values: str) -> bytes:
    good = '{"code": "A", "name": "Ann"}'
    return "\n".join([good, *values, good.replace("A", "Z")]).encode() + b"\n"


def of_keys(start: int, number: int) -> str:
    return json.dumps({"code": f"K{start}"} | {f"key{start}-{n}": n for n in range(number)})


def json_lines() -> dict[str, Poison]:
    mega = 1024 * 1024
    return {
        "long-key.jsonl": (
            (json.dumps({"code": "A", "x" * 2_000_000: 1}) + "\n" + '{"code": "", "name": "N"}\n' * 2_000).encode(),
            "too_many_keys",
        ),
        "keys.jsonl": (as_lines(*(of_keys(n, 100) for n in range(1_100))), "has 2,0.. columns"),
        "keys-later.jsonl": (
            as_lines(*['{"code": "A"}'] * 1_000, *(of_keys(n, 100) for n in range(500))), "null",
        ),
        "key-each.jsonl": (as_lines(*['{"code": "A"}'] * 1_000, *(of_keys(n, 1) for n in range(5_000))), "null"),
        "wide-object.jsonl": (as_lines(of_keys(0, 200_000)), "too_many_keys"),
        "line.jsonl": (in_a_sparse_file(as_lines() + b'{"code": "', b'"}\n' + as_lines()), "record_too_long"),
        "first-line.jsonl": (in_a_sparse_file(b'{"code": "', b'"}\n' + as_lines()), "record_too_long"),
        "only-line.jsonl": (in_a_sparse_file(b'{"code": "', b'"}'), "valid JSON objects"),
        "deep.jsonl": (
            as_lines(*['{"name": ' + "[" * n + "]" * n + "}" for n in range(400, 1_000, 2)]), "invalid_json",
        ),
        "deepest.jsonl": (as_lines('{"name":' * 1_500_000 + "1" + "}" * 1_500_000), "too_many_values|invalid_json"),
        "values.jsonl": (as_lines('{"code": "B", "name": [' + "1," * 7 * mega + "1]}"), "too_many_values"),
        "objects.jsonl": (
            as_lines('{"code": "B", "name": [' + ",".join(['{"a":1}'] * 490_000) + "]}"), "max_length|null",
        ),
        "many-lists.jsonl": (as_lines(*['{"code": "B", "x": [' + "[]," * 250_000 + "1]}"] * 4), "null"),
        "commas-in-text.jsonl": (as_lines('{"code": "B", "name": "' + "," * 7 * mega + '"}'), "max_length"),
        "escapes.jsonl": (as_lines('{"code": "B", "name": "' + "\\\\n" * 5 * mega + '"}'), "max_length"),
        "digits.jsonl": (as_lines('{"code": "B", "name": ' + "9" * 15 * mega + "}"), "max_length"),
        "exponent.jsonl": (as_lines('{"code": "B", "name": [1e999999999, ' + "9" * 10 * mega + "]}"), "max_length"),
        "blank.jsonl": (as_lines() + b" \n" * 20 * mega + as_lines(), "unique|null"),
    }  # fmt: skip


def nested_parquet() -> bytes:
    values = pl.zeros(40_000_000, dtype=pl.Int8, eager=True).implode()
    buffer = io.BytesIO()
    pl.DataFrame({"code": ["A"], "name": ["Ann"], "list": values}).write_parquet(buffer)
    return buffer.getvalue()


def categorical_parquet() -> bytes:
    text = pl.Series("name", ["x" * 1_000_000]).cast(pl.Categorical)
    buffer = io.BytesIO()
    frame = pl.DataFrame({"code": [f"C{n}" for n in range(60)], "name": text.new_from_index(0, 60)})
    frame.write_parquet(buffer)
    return buffer.getvalue()


def parquet_of(columns: dict[str, Any]) -> bytes:
    whole = io.BytesIO()
    pl.DataFrame(columns).write_parquet(whole)
    return whole.getvalue()


def parquet() -> dict[str, Poison]:
    huge, many = b"x" * MEGABYTE, 2**31 - 1
    return {
        "long-name.parquet": (
            parquet_of({"code": [""] * 3_000, "x" * MEGABYTE: [""] * 3_000}), "characters",
        ),
        "beyond-the-calendar.parquet": (
            parquet_of({
                "code": ["A", "B", "C"],
                "name": pl.Series([2**31 - 1, 0, -(2**31)], dtype=pl.Int32).cast(pl.Date),
                "at": pl.Series([2**62, 0, -(2**62)], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
                "list": pl.Series([[2**31 - 1], [0], []], dtype=pl.List(pl.Int32)).cast(pl.List(pl.Date)),
            }),
            "undecodable",
        ),
        "dictionary.parquet": (
            parquet_file([Column("code", huge, 20_000, codec="zstd"), Column("name", b"", 20_000)]), "archive bombs",
        ),
        "dictionary-60.parquet": (
            parquet_file([Column("code", huge, 60, codec="zstd"), Column("name", b"", 60)]), "max_length",
        ),
        "categorical.parquet": (categorical_parquet(), "max_length"),
        "one-value.parquet": (
            parquet_file([Column("code", huge * 60, 1, codec="zstd"), Column("name", b"", 1)]), "record_too_long",
        ),
        "page.parquet": (
            parquet_file([Column("code", huge, 600, plain=True, codec="zstd"), Column("name", b"", 600)]),
            "needs more than 512 MB",
        ),
        "page-gzip.parquet": (
            parquet_file([Column("code", huge, 600, plain=True, codec="gzip"), Column("name", b"", 600)]),
            "needs more than 512 MB",
        ),
        "pages.parquet": (
            parquet_file([Column(f"c{n}", b"x" * 100, 1_000_000, plain=True, codec="zstd") for n in range(12)]),
            "needs more than 512 MB|archive bombs",
        ),
        "records.parquet": (parquet_file([Column("code", b"A", many, 50)]), "more than 4,294,967,295 records"),
        "runs.parquet": (parquet_file([Column("code", b"A", many), Column("name", b"A", many)]), "archive bombs"),
        "false-count.parquet": (
            parquet_file([Column("code", b"A", many), Column("name", b"A", many)], records=1_000), "unique",
        ),
        "false-records.parquet": (
            parquet_file([Column("code", b"A", 3), Column("name", b"A", 3)], records=30_000_000),
            "is not readable Parquet: it is damaged",
        ),
        "columns.parquet": (parquet_file([Column(f"c{n}", b"x", 1) for n in range(3_000)]), "has 3,000 columns"),
        "nested.parquet": (nested_parquet(), "record_too_long|needs more than"),
    }  # fmt: skip


KINDS: dict[str, Callable[[], Mapping[str, Poison]]] = {
    "zip": zips,
    "streams": streams,
    "delimited": delimited,
    "json": json_lines,
    "parquet": parquet,
    "workbooks": workbooks,
}

# One of each mechanism, for the default suite: what is unpacked, what is one value, what is many of something.
FEW = {
    "zip": ("deflate.csv.zip", "dictionary.csv.zip", "entries.csv.zip"),
    "streams": ("members.csv.gz", "window-128.csv.zst", "utf-7.csv"),
    "delimited": ("names.csv", "wide-records.csv", "quotes.csv", "contested.csv"),
    "json": ("long-key.jsonl", "deepest.jsonl", "values.jsonl"),
    "parquet": ("dictionary-60.parquet", "page.parquet", "nested.parquet"),
    "workbooks": ("elements.xlsx", "strings.xlsx", "laughs.xlsx", "many.ods"),
}


def write(folder: Path, name: str, content: bytes | Callable[[BinaryIO], None]) -> Path:
    path = folder / name
    with path.open("wb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content)
    return path
