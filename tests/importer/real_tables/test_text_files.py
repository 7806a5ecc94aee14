"""Text files as other systems write them: line ends, byte order marks, packed files, and names of columns."""

import gzip
import io
import json
import zipfile
from typing import Any

import polars as pl
import pytest
import zstandard
from django.core.management import call_command

from importer import Column, ModelImport
from importer.jobs import create_job
from importer.rejects.report import make_report
from importer.specs.registry import temporarily
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Everything

pytestmark = pytest.mark.django_db(transaction=True)

RECORDS = [(f"C{number}", f"Zoë {number}") for number in range(300)]


def text_with(line_end: str, delimiter: str = ",") -> str:
    return "".join(f"{code}{delimiter}{name}{line_end}" for code, name in [("code", "name"), *RECORDS])


def companies() -> list[tuple[str, str]]:
    return list(Company.objects.order_by("pk").values_list("code", "name"))


@pytest.mark.parametrize(
    ("line_end", "encoding"),
    [
        ("\x85", "cp037"), ("\x85", "cp500"), ("\x85", "cp1140"), ("\n", "cp037"), ("\r\n", "cp037"),
        ("\x85", "utf-8"), ("\u2028", "utf-8"), ("\u2029", "utf-8"), ("\x1e", "utf-8"), ("\x85", "latin-1"),
        ("\x85", "iso8859-15"), ("\u2028", "utf-16"), ("\r", "utf-16"), ("\r", "cp037"), ("\x1e", "cp1252"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [1_000, 8 << 20])
def test_lines_end_as_they_do_elsewhere(
    importing: Importing, settings: Any, line_end: str, encoding: str, chunk: int
) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": chunk}

    _, result = importing("companies", text_with(line_end).encode(encoding), encoding=encoding)

    assert (result.read, result.inserted) == (300, 300), result
    assert sorted(companies()) == sorted(RECORDS)


def test_a_line_end_that_two_blocks_share_is_seen(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U+2028 has three bytes; blocks of every size cut it somewhere."""
    for block in range(30, 36):
        monkeypatch.setattr("importer.sources.spool.spool.BLOCK", block)
        Company.objects.all().delete()
        importing("companies", text_with("\u2028"), name=f"source{block}.csv")
        assert companies() == RECORDS


@pytest.mark.parametrize(
    "text",
    [
        "code,name\nA,Wait\x85\nB,So\x85 and so\x85\x85\x85\x85\n",  # an ellipsis of Windows, read as Latin-1
        "code,name\nA,line\u2028separator\nB,x\u2028y\u2028z\u2028\u2028\u2028\n",
    ],
)
def test_such_characters_in_values_end_no_line(importing: Importing, text: str) -> None:
    _, result = importing("companies", text)

    assert (result.read, result.inserted) == (2, 2), result


def test_strings_of_json_may_hold_line_separators(importing: Importing) -> None:
    _, result = importing("companies", '{"code": "A", "name": "x\u2028y\u2028z"}', name="one.jsonl")

    assert (result.read, result.inserted) == (1, 1), result
    assert companies() == [("A", "x\u2028y\u2028z")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-be", "utf-32-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["source.csv", "source.jsonl"])
def test_a_byte_order_mark_tells_the_encoding(
    importing: Importing, encoding: str, pack: Any, name: str
) -> None:
    text = text_with("\n")
    if name.endswith("jsonl"):
        text = "".join(f'{{"code": "{code}", "name": "{name}"}}\n' for code, name in RECORDS)
    mark = "\ufeff" if encoding.endswith("-be") else ""
    packed = pack((mark + text).encode(encoding))

    _, result = importing("companies", packed, name=name + ".gz" * (pack is not bytes))

    assert (result.read, result.inserted) == (300, 300), result
    assert companies() == RECORDS


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "code,name\n"), ("b.csv", "code,name"), ("c.tsv", "code\tname\n\n")]
)
def test_a_file_without_records_is_said_aloud(
    importing: Importing, name: str, text: str, capsys: Any
) -> None:
    job, result = importing("companies", text, name=name)

    note = "The source has a header of 2 columns and no record; nothing was imported."
    assert (result.status, result.read) == ("completed", 0)
    assert note in make_report(job).notes
    call_command("import_report", job.pk)
    assert note in capsys.readouterr().out


@pytest.mark.parametrize("dry_run", [True, False])
def test_run_import_says_that_there_is_no_record(folder: Any, dry_run: bool, capsys: Any) -> None:
    (folder / "empty.csv").write_text("code,name\n")
    job = create_job("companies", str(folder / "empty.csv"))

    call_command("run_import", job.pk, "--no-progress", *["--dry-run"] * dry_run)

    assert "no record; nothing was imported" in capsys.readouterr().err


# Packed files


def zipped(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "others",
    [
        {"__MACOSX/": b"", "__MACOSX/._source.csv": b"\0\5\x16\7" * 20},
        {"data/.DS_Store": b"x", "Thumbs.db": b"y", "data/desktop.ini": b"z", "data/._source.csv": b"w"},
    ],
)
def test_what_macos_and_windows_add_to_a_zip_is_passed_over(
    importing: Importing, others: dict[str, bytes]
) -> None:
    archive = zipped({**others, "data/source.csv": text_with("\n").encode()})

    _, result = importing("companies", archive, name="source.csv.zip")

    assert (result.read, result.inserted) == (300, 300), result


PACKERS = [("gz", gzip.compress), ("zst", zstandard.compress)]


@pytest.mark.parametrize(("ending", "pack"), PACKERS)
@pytest.mark.parametrize("garbage", [b"garbage", b"\n", b"\0\0\0garbage", b"x" * 100_000])
def test_bytes_behind_an_archive_are_ignored_and_said(
    importing: Importing, ending: str, pack: Any, garbage: bytes
) -> None:
    packed = pack(text_with("\n").encode())

    job, result = importing("companies", packed + garbage, name=f"source.csv.{ending}")

    assert (result.read, result.inserted) == (300, 300), result
    assert make_report(job).notes == [
        f'The archive "source.csv.{ending}" has other bytes behind its end, which were ignored.'
    ]


@pytest.mark.parametrize(("ending", "pack"), PACKERS)
@pytest.mark.parametrize("padding", [b"", b"\0" * 5_000])
def test_an_archive_of_several_frames_is_read_to_its_end(
    importing: Importing, ending: str, pack: Any, padding: bytes
) -> None:
    text = text_with("\n").encode()
    half = len(text) // 2

    job, result = importing(
        "companies", pack(text[:half]) + pack(text[half:]) + padding, name=f"source.csv.{ending}"
    )

    assert (result.read, result.inserted) == (300, 300), result
    assert make_report(job).notes == []


@pytest.mark.parametrize(("ending", "pack"), PACKERS)
@pytest.mark.parametrize("damage", ["cut", "second frame cut", "second frame damaged"])
def test_a_damaged_archive_is_refused(importing: Importing, ending: str, pack: Any, damage: str) -> None:
    packed = pack(text_with("\n").encode())
    damaged = {
        "cut": packed[:-20],
        "second frame cut": packed + packed[:-20],
        "second frame damaged": packed + packed[:10] + b"\xff" * 20 + packed[30:],
    }[damage]

    _, result = importing("companies", damaged, name=f"source.csv.{ending}")

    assert result.status == "failed"
    assert "is damaged" in result.reason


# Names of columns


NAMES = ["*", "^a$", "^.*$", "a.b", 'a"b', "%s", "number"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_column_may_have_any_name(importing: Importing, settings: Any, name: str, ending: str) -> None:
    spec = type("AnyName", (ModelImport,), {
        "Meta": type("Meta", (), {"model": Everything, "name": "any-name"}),
        "char": Column(name), "text": Column("other"),
    })  # fmt: skip
    rows = [{name: f"v{number}", "other": "x", "a": "no"} for number in range(3)]
    if ending == "csv":
        header = ",".join('"' + key.replace('"', '""') + '"' for key in rows[0])
        data: Any = header + "\n" + "".join(",".join(row.values()) + "\n" for row in rows)
    elif ending == "jsonl":
        data = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        buffer = io.BytesIO()
        pl.DataFrame(rows).write_parquet(buffer)
        data = buffer.getvalue()
    with temporarily(spec):
        _, result = importing("any-name", data, name=f"source.{ending}")

    assert (result.status, result.inserted) == ("completed", 3), result
    assert list(Everything.objects.order_by("pk").values_list("char", flat=True)) == ["v0", "v1", "v2"]


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\r\n\x1a\x1a\x1a", "\n\x1a\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp850", "utf-16"])
def test_ctrl_z_ends_a_text_of_dos(importing: Importing, end: str, encoding: str) -> None:
    job, result = importing("companies", f"code,name\nA,Ann\nB,Bob{end}".encode(encoding), encoding=encoding)

    assert (result.read, companies()) == (2, [("A", "Ann"), ("B", "Bob")])
    assert make_report(job).notes == [
        "The file ends with Ctrl-Z, as texts of DOS do; it does not belong to a record."
    ]


def test_ctrl_z_within_a_text_is_a_character(importing: Importing) -> None:
    importing("companies", 'code,name\nA,A\x1ann\nB,"Bob\x1a"\n')

    assert companies() == [("A", "A\x1ann"), ("B", "Bob\x1a")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_needs_its_order(importing: Importing, encoding: str) -> None:
    text = "code,name\nA,Ann\n".encode(encoding)

    _, refused = importing("companies", text, encoding="utf-16")
    _, result = importing("companies", text, encoding=encoding)

    assert "use --encoding utf-16-le or utf-16-be" in refused.reason
    assert result.inserted == 1
