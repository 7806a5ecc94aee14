"""Whatever a file holds, a suggestion takes little time and memory, or is refused in one line."""

import gzip
import json
import random
import time
import tracemalloc
import zipfile
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from importer.conf import MEGABYTE
from importer.exceptions import ImporterError, SourceRefused
from importer.suggest.python.suggested import as_python
from importer.suggest.suggestion import Suggestion, suggest
from tests.importer.samples.domains.models import Customer, Employee
from tests.importer.suggest import files

pytestmark = pytest.mark.django_db

# Seconds for the worst of these files, on a busy machine.
PATIENCE = 10


def suggestion_of(path: Path) -> Suggestion | None:
    """Suggest a spec and write it; None if the file is refused. Fails if that takes long."""
    began = time.monotonic()
    try:
        suggestion = suggest(str(path), Customer)
    except ImporterError as refusal:
        reason = str(refusal)
        suggestion = None
    else:
        reason = ""
        compile(as_python(suggestion), "suggested", "exec")
        json.dumps(suggestion.spec_options())
    assert "\n" not in reason
    assert time.monotonic() - began < PATIENCE
    return suggestion


HOSTILE = {
    "empty": b"",
    "blank lines": b"\n\n\n",
    "a mark alone": b"\xef\xbb\xbf",
    "a mark of UTF-16 alone": b"\xff\xfe",
    "half a letter of UTF-16": b"\xff\xfea\0b",
    "one letter": b"a",
    "a header alone": b"a,b,c\n",
    "delimiters alone": b",,,,\n" * 50,
    "one column": b"name\nAnna\nBert\n",
    "NULs": b"a,b\n\0,\0\n" * 50,
    "only NULs": b"\0" * 5_000,
    "NULs among letters": b"name,city\nA\0nna,Bern\n" * 20,
    "an open quote": b'a,b\n"1,2\n3,4\n' * 200,
    "quotes alone": b'"""""""""\n' * 300,
    "backslashes": b"\\\\\\,\\\n" * 300,
    "carriage returns": b"a,b\r1,2\r3,4\r",
    "control characters": bytes(range(32)) * 40 + b"\n",
    "every byte": bytes(range(256)) * 40,
    "a formula": b'=cmd|calc!A1,"""\n@SUM(1)\nname,x\n1,2\n',
    "ends of docstrings": b'""",\'\'\'\n\\",#\n"""""",x\n' * 9,
    "code as a header": b'"x"") + __import__(""os"").abort() + (""",b\n1,2\n' * 5,
    "one name twice": b"a,a,a\n1,2,3\n4,5,6\n",
    "no names": b",,\n1,2,3\n4,5,6\n",
    "ragged": b"".join(b"x," * (n % 9) + b"y\n" for n in range(300)),
    "long numbers": b"a,b\n" + b"9" * 400 + b"," + b"1" * 4_000 + b"\n",
    "odd dates": "a,b\n31.02.2020,٣/٤/٢٠٢٠\n99.99.9999,0001-01-01\n".encode(),
    "a lone surrogate": b"a,b\n\xed\xa0\x80,1\n",
    "the end mark of DOS": b"a,b\n1,2\n\x1a",
    "line separators": "a,b\u20281,2\u20283,4".encode(),
    "deep JSON": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "JSON of many keys": json.dumps([{f"k{n}": n for n in range(5_000)}]).encode(),
    "half JSON": b'[{"a": 1}, {"a": ',
    "reversed text": "a,b\n\u202egnp.exe,1\n".encode(),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("ending", [".csv", ".json", ".tsv", ""])
def test_hostile_texts_are_described_or_refused(folder: Path, content: bytes, ending: str) -> None:
    path = folder / f"hostile{ending}"
    path.write_bytes(content)

    suggestion_of(path)


@pytest.mark.parametrize("ending", [".xlsx", ".ods", ".parquet", ".csv.gz", ".csv.zip", ".csv.zst"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"a,b\n1,2\n", b"\x1f\x8b\x08" + b"\0" * 20, b"PAR1" * 9]
)
def test_files_that_are_not_what_they_say_are_refused(folder: Path, content: bytes, ending: str) -> None:
    path = folder / f"hostile{ending}"
    path.write_bytes(content)

    suggestion_of(path)


def test_random_bytes(folder: Path) -> None:
    draw = random.Random(1)
    for number in range(60):
        path = folder / f"random{number}.csv"
        signs = draw.choice([bytes(range(256)), b'ab1,;\t"\n\r .-/\xe4\0'])
        path.write_bytes(bytes(draw.choices(signs, k=3_000)))

        suggestion_of(path)


def test_a_line_of_a_hundred_megabytes_takes_a_megabyte(folder: Path) -> None:
    path = folder / "line.csv"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"a,b;c d" * (MEGABYTE // 7))
    tracemalloc.start()

    with pytest.raises(SourceRefused, match="columns"):
        suggest(str(path), Customer)

    assert tracemalloc.get_traced_memory()[1] < 100 * MEGABYTE
    tracemalloc.stop()


def test_a_line_of_a_hundred_megabytes_without_a_delimiter(folder: Path) -> None:
    path = folder / "line.csv"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * MEGABYTE)

    suggestion_of(path)


def test_a_packed_gigabyte_is_read_at_its_beginning(folder: Path) -> None:
    path = folder / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"number,first_name\n")
        for _ in range(1_000):
            file.write(b"1,x\n" * (MEGABYTE // 4))

    suggestion = suggestion_of(path)

    assert suggestion is not None
    assert 5_000 < suggestion.file.texts.height <= 10_000
    assert suggestion.file.records is None


def test_an_archive_is_read_at_its_first_table(folder: Path) -> None:
    path = folder / "files.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README", "about")
        archive.writestr("b.csv", "number,last_name\n1,x\n2,y\n")

    suggestion = suggestion_of(path)

    assert suggestion is not None
    assert [match.field.value for match in suggestion.matches] == ["number", "last_name"]


@pytest.mark.parametrize("columns", [2_000, 2_001])
def test_two_thousand_columns_are_described_and_more_are_refused(folder: Path, columns: int) -> None:
    path = folder / "wide.csv"
    names = ",".join(f"customer field {n}" for n in range(columns))
    path.write_text(
        f"{names}\n" + "".join(",".join(str(n * k) for n in range(columns)) + "\n" for k in range(40))
    )

    suggestion = suggestion_of(path)

    assert (suggestion is None) == (columns > 2_000)


def test_a_workbook_that_says_it_repeats_a_row_a_million_times(folder: Path) -> None:
    path = folder / "bomb.ods"
    rows = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>'  # noqa: E501
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="t">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)

    suggestion = suggestion_of(path)

    assert suggestion is not None
    assert suggestion.file.texts.height <= 10_000


def test_a_large_workbook_is_read_at_its_beginning(folder: Path) -> None:
    path = folder / "large.xlsx"
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["number", "first_name", "last_name"])
    for n in range(60_000):
        sheet.write_row(n + 1, 0, [n, "Anna", f"Name {n}"])
    book.close()

    suggestion = suggestion_of(path)

    assert suggestion is not None
    assert suggestion.file.texts.height <= 10_000


def test_parquet_has_its_own_types(folder: Path) -> None:
    path = folder / "people.parquet"
    pl.DataFrame({"legacy_id": [1, 2], "full_name": ["A", "B"], "hired_on": [None, None]}).write_parquet(path)

    suggestion = suggest(str(path), Employee)

    assert [match.field.value for match in suggestion.matches][:2] == ["legacy_id", "full_name"]
    assert suggestion.key.value == ("legacy_id",)


def test_three_thousand_records_take_less_than_three_seconds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "RECORDS", 3_000)
    path = files.customers_de(folder)
    suggest(str(path), Customer)  # modules are loaded
    began = time.monotonic()

    suggest(str(path), Customer)

    assert time.monotonic() - began < 3


def test_records_at_the_end_of_a_large_file_count(folder: Path) -> None:
    path = folder / "late.csv"
    early = "".join(f"A;0{n % 9 + 1}/02/2020;1.5\n" for n in range(100_000))
    late = "".join(f"A;{n % 10 + 19}/02/2020;1.5\n" for n in range(200_000))
    path.write_text(f"symbol;date;price\n{early}{late}")

    suggestion = suggest(str(path), Customer)

    dates = {match.column.name: match.column.dates for match in suggestion.matches}["date"]
    assert dates is not None
    assert (dates.value.text, dates.confidence) == ("%d/%m/%Y", "sure")
