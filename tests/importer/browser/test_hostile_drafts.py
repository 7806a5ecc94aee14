"""Hostile files and forms get one line from the screens of a draft, never a fault of the server."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from importer.models import DataImportJob, ImportDraft
from tests.importer.browser.drafts import begun, post, url

pytestmark = pytest.mark.django_db(transaction=True)
SCREENS = ("file", "columns", "values", "check")
PLAIN = b"title,customer,owner,status\nOne,Acme,consultant@example.com,active\nTwo,Acme,consultant@example.com,won\n"
NUL, LONE = "\0", "\ud800"


def in_json(title: Any, name: str = "title") -> bytes:
    record = {name: title, "customer": "Acme", "owner": "consultant@example.com", "status": "active"}
    return (json.dumps(record) + "\n").encode()


def in_parquet(name: str, title: str) -> bytes:
    file = io.BytesIO()
    pl.DataFrame({name: [title], "customer": ["Acme"], "owner": ["consultant@example.com"]}).write_parquet(
        file
    )
    return file.getvalue()


def in_a_workbook(name: str, title: str) -> bytes:
    """A workbook; a NUL is written in it as such programs do, `_x0000_`."""
    written, read = io.BytesIO(), io.BytesIO()
    workbook = xlsxwriter.Workbook(written)
    sheet = workbook.add_worksheet("POVs")
    for row, cells in enumerate(([name, "customer", "owner"], [title, "Acme", "consultant@example.com"])):
        sheet.write_row(row, 0, [cell.replace(NUL, "NUL") for cell in cells])
    workbook.close()
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(read, "w") as new:
        for member in old.namelist():
            new.writestr(member, old.read(member).replace(b"NUL", b"_x0000_"))
    return read.getvalue()


FILES = {
    "NUL in a cell": ("a.csv", PLAIN.replace(b"One", b"O\0ne")),
    "NUL in a header": ("a.csv", PLAIN.replace(b"title", b"ti\0tle")),
    "NUL in a word": ("a.csv", PLAIN.replace(b"active", b"act\0ive")),
    "NUL in what resembles a choice": ("a.csv", PLAIN.replace(b"active", b"Active\0")),
    "NUL in a name of Parquet": ("a.parquet", in_parquet(f"ti{NUL}tle", "One")),
    "NUL in Parquet": ("a.parquet", in_parquet("title", f"O{NUL}ne")),
    "NUL in a name of a workbook": ("a.xlsx", in_a_workbook(f"ti{NUL}tle", "One")),
    "NUL in a workbook": ("a.xlsx", in_a_workbook("title", f"O{NUL}ne")),
    "NUL before the header": ("a.csv", b"Export\0 of today\n\n" + PLAIN),
    "no text": ("a.csv", PLAIN.replace(b"One", b"O\xff\xfe\x81ne")),
    "NUL in JSON": ("a.jsonl", in_json(f"O{NUL}ne")),
    "half of a pair in JSON": ("a.jsonl", in_json(f"O{LONE}ne")),
    "NUL in a name of JSON": ("a.jsonl", in_json("One", f"ti{NUL}tle")),
    "half of a pair in a name of JSON": ("a.jsonl", in_json("One", f"ti{LONE}tle")),
    "numbers beyond all": ("a.jsonl", in_json(1).replace(b": 1,", b": 1e999,")),
    "deep JSON": ("a.jsonl", in_json([]).replace(b"[]", b"[" * 2_000 + b"]" * 2_000)),
    "a name with NUL and markup": ("<b>\0.csv", PLAIN),
}


def screens_of(person: Client, draft: ImportDraft) -> list[int]:
    answers = [person.get(url(screen, draft.pk), follow=True) for screen in SCREENS]
    answers.append(post(person, "check", draft.pk, check="1"))
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("what", FILES)
def test_a_file_is_shown_or_refused_whatever_is_in_it(person: Client, media: Path, what: str) -> None:
    name, data = FILES[what]

    answer = person.post(url("begin", "cortex.pov"), {"upload": SimpleUploadedFile(name, data)}, follow=True)

    assert answer.status_code == 200
    if draft := ImportDraft.objects.first():
        assert screens_of(person, draft) == [200] * 5
    else:
        assert "errorlist" in answer.content.decode()


@pytest.mark.parametrize(
    ("screen", "values"),
    [
        ("file", {"encoding": "no-such-encoding"}),
        ("file", {"encoding": "idna"}),
        ("file", {"encoding": "utf-8\0"}),
        ("file", {"delimiter": "ab"}),
        ("file", {"delimiter": "\n"}),
        ("file", {"delimiter": '"'}),
        ("file", {"sheet": "none of these\0"}),
        ("columns", {"name": "a\0b"}),
        ("columns", {"nulls": "a\0b, c"}),
        ("columns", {"constant-owner": "a\0b"}),
        ("columns", {"on_conflict": "drop"}),
        ("columns", {"on_conflict": "drop", "key": "title"}),
        ("columns", {"key": "password,title\0"}),
        ("columns", {"field-0": "password"}),
        ("columns", {"field-0": "title", "reading-0": "99999999999999999999999"}),
        ("columns", {"field-0": "start_date"}),
        ("columns", {"field-0": "status\0"}),
        ("values", {"choice-0-0": "\0", "to-owner": "password", "missing-owner": "create"}),
        ("check", {"repair": "title"}),
        ("check", {"repair": "title.0"}),
        ("check", {"repair": "\0.999999999999"}),
        ("check", {"version": "\0"}),
    ],
)  # fmt: skip
def test_a_form_is_taken_or_refused_in_one_line(
    person: Client, media: Path, screen: str, values: dict[str, str]
) -> None:
    draft = begun(person, SimpleUploadedFile("a.csv", PLAIN))
    post(person, "check", draft.pk, check="1")

    answer = post(person, screen, draft.pk, **values)

    assert answer.status_code == 200
    assert screens_of(person, draft) == [200] * 5
    assert not DataImportJob.objects.exists()
