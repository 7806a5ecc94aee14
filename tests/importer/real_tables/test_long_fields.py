"""Quoted fields of many lines, and quotes that do not close: no record is made up, and none gets lost."""

import csv
import io
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer.models import DataImportJob
from importer.records import Position
from importer.rejects.report import make_report
from tests.importer.conftest import Importing
from tests.importer.parse.reading import PLENTY, Found, opened, ranges_of, read, read_text, whole
from tests.importer.samples.crm.models import Everything

many = hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

# Signatures and quoted replies look like records of two or three fields here and there.
WORDS = [
    "Dear all,",
    "> On Monday, Ann wrote:",
    "",
    "yes",
    "a, b, c",
    'he said "no"',
    "1,2,3",
    '"',
    "-- ",
    "x;y",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.csv"


def written(rows: list[list[str]], **options: Any) -> str:
    """Return the rows as Python's csv module writes them, with a header."""
    file = io.StringIO()
    header = [f"c{number}" for number in range(len(rows[0]))]
    csv.writer(file, **({"lineterminator": "\n"} | options)).writerows([header, *rows])
    return file.getvalue()


def a_mail(lines: int, randomness: random.Random) -> str:
    return "\n".join(randomness.choice(WORDS) for _ in range(lines))


@many
@given(
    seed=st.integers(0, 10**6),
    lines=st.lists(st.integers(1, 400), min_size=1, max_size=6),
    width=st.integers(2, 4),
    chunk=st.sampled_from([500, 3_000, PLENTY]),
    limit=st.sampled_from([1, 3, PLENTY]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_a_field_that_closes_is_one_field_however_long(
    path: Path, settings: Any, seed: int, lines: list[int], width: int, chunk: int, limit: int, quoting: Any
) -> None:
    settings.IMPORTER = {"CHUNK_BYTES": chunk}
    randomness = random.Random(seed)
    rows = [
        [str(number), a_mail(height, randomness), *["x"] * (width - 2)] for number, height in enumerate(lines)
    ]
    text = written(rows, quoting=quoting)
    reader = opened(path, text)

    found = read(reader, ranges_of(reader), limit=limit)

    assert not found.rejected
    assert found.rows == rows == list(csv.reader(io.StringIO(text, newline="")))[1:]


@pytest.mark.parametrize("height", [99, 100, 101, 124, 5_000])
@pytest.mark.parametrize("before", ["", "ragged\n"])
def test_the_limit_makes_no_difference_to_a_text(path: Path, height: int, before: str) -> None:
    mail = a_mail(height, random.Random(height))
    text = f"id,body\n1,first\n{before}" + written([["2", mail], ["3", "last"]]).partition("\n")[2]

    found = read_text(path, text)

    assert found.rows == [["1", "first"], ["2", mail], ["3", "last"]]


@pytest.mark.parametrize("tail", ["", '"x",y,z\n', 'x,y,"z"\n', 'x,y,5"\n'])
def test_a_stray_quote_before_records_costs_its_own_record(path: Path, tail: str) -> None:
    records = [f"{number},b,c" for number in range(500)]
    records[200] = '200,"b,c'
    text = "id,b,c\n" + "\n".join(records) + "\n" + tail

    found = read_text(path, text)

    assert [line for line, _, _ in found.rejected] == [202]
    assert len(found.rows) == 499 + bool(tail)


def test_what_was_assumed_of_a_stray_quote_is_in_its_message(path: Path) -> None:
    records = [f"{number},b,c" for number in range(300)]
    records[100], records[250] = '100,"b,c', '250,b,c"'
    reader = opened(path, "id,b,c\n" + "\n".join(records))
    [part] = ranges_of(reader)
    batch = reader.read(Position(part.start_offset, part.first_line), part, limit=PLENTY)

    [rejection] = batch.rejections
    assert rejection.line == 102
    assert rejection.errors[0].message == (
        "A quote opens here and is closed in line 252, but the lines between look like records; it is taken for a "
        "stray quote."
    )


@pytest.mark.parametrize(
    ("text", "rows", "rejected"),
    [
        # A quote inside a text of several lines: its lines are no records.
        ('1,"He said "hi"\nfoo,bar\nand left"\n2,x\n', [["2", "x"]], [(2, "stray_quote", 3)]),
        ('1,"a "b" c\nd,e"\n2,"x\ny"\n', [["2", "x\ny"]], [(2, "stray_quote", 2)]),
        # Inches, in a quoted field: nothing is uncertain behind the line.
        (
            '1,"5" pipe"\n2,"b"\n3,c\n4,"6" pipe"\n',
            [["2", "b"], ["3", "c"]],
            [(2, "stray_quote", 1), (5, "stray_quote", 1)],
        ),
        # The closing quote is lost, and the lines behind are records by themselves.
        ('1,"lost\n2,"b"\n3,"c"\n', [["2", "b"], ["3", "c"]], [(2, "stray_quote", 1)]),
        ('1,"lost\n2,b\n3,"c"\n', [["2", "b"], ["3", "c"]], [(2, "stray_quote", 1)]),
        # A field too many behind a text of several lines: its lines are still the text's.
        ('1,"a\nb,c\nd",e,f\n2,x\n', [["2", "x"]], [(2, "too_many_fields", 0)]),
        # The closing quote of a text of several lines is lost, at the end of the file.
        ('1,"dear all\nbla, bla\nbla\n2,x\n3,y\n', [["2", "x"], ["3", "y"]], [(2, "unterminated_quote", 3)]),
        # A carriage return behind a text of several lines.
        ('1,"a\nb,c\nd",e\rf\n2,x\n', [["2", "x"]], [(2, "stray_return", 3)]),
    ],
)
def test_lines_that_may_belong_to_a_text_are_rejected_together(
    path: Path, text: str, rows: list[list[str]], rejected: list[tuple[int, str, int]]
) -> None:
    found = read_text(path, "id,body\n" + text)

    assert found.rows == rows
    assert [(line, code) for line, code, _ in found.rejected] == [(line, code) for line, code, _ in rejected]
    for (_, _, raw), (_, _, lines) in zip(found.rejected, rejected, strict=True):
        assert not lines or len(raw["_raw"].split("\n")) == lines


@pytest.mark.parametrize("chunk", [200, PLENTY])
@pytest.mark.parametrize(
    ("field", "lines"),
    [
        ("x\n" * 2_000, 2_001),
        ("x\n" * 90 + "x" * 3_000 + "\nlast", 92),
        ("x\n" * 2_000 + 'say ""no"" now', 2_001),
        ("x\ny,z\n" * 500, 1_001),
        ("x\n" * 2_000 + '","' + "b\n" * 2_000 + "c", 4_001),
        ("x" * 1_999 + "\n" + 'y""' * 700 + "\nz", 3),
    ],
)
def test_a_field_that_is_too_long_is_one_rejected_record(
    path: Path, settings: Any, chunk: int, field: str, lines: int
) -> None:
    settings.IMPORTER = {"MAX_RECORD_BYTES": 2_000, "CHUNK_BYTES": chunk}
    text = f'a,b\n1,"{field}"\n2,y\n3,"z"\n'

    found = read_text(path, text)

    assert found.rows == [["2", "y"], ["3", "z"]]
    assert [(line, code) for line, code, _ in found.rejected] == [(2, "record_too_long")]
    assert [line for line, _ in found.records] == [2 + lines, 3 + lines]


def test_a_field_of_too_many_lines_is_one_rejected_record(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importer.parse.delimited.lines.MOST_LINES", 300)

    found = read_text(path, 'a,b\n1,"' + "x\n" * 1_000 + '"\n2,y\n')

    assert found.rows == [["2", "y"]]
    assert [(line, code) for line, code, _ in found.rejected] == [(2, "record_too_long")]


@many
@given(
    seed=st.integers(0, 10**6),
    width=st.integers(2, 4),
    chunk=st.sampled_from([200, PLENTY]),
    at=st.integers(0, 10**6),
    drop=st.booleans(),
)
def test_a_damaged_quote_invents_no_record_and_loses_no_line(
    path: Path, settings: Any, seed: int, width: int, chunk: int, at: int, drop: bool
) -> None:
    """Every record read is one that was written, or came of the damaged place; every line is in a record."""
    settings.IMPORTER = {"CHUNK_BYTES": chunk}
    randomness = random.Random(seed)
    rows = [
        [
            str(number),
            "Hi " + a_mail(randomness.choice([1, 1, 2, 5]), randomness).replace('"', "'"),
            *["x"] * (width - 2),
        ]
        for number in range(40)
    ]
    text = written(rows, quoting=csv.QUOTE_ALL)
    # A lost opening quote cannot be noticed: the lines behind it are as regular as any.
    closing = [match.start() for match in re.finditer('"[,\n]', text)][width:]
    place = closing[at % len(closing)]
    _, *lines = text[text.rindex('"', 0, place) + 1 : place].split("\n")
    assume(
        not lines or any(line.count(",") != width - 1 for line in lines)
    )  # else nothing tells it from records
    text = text[:place] + ("" if drop else 'q"q"') + text[place + 1 :]
    reader = opened(path, text)

    found = read(reader, ranges_of(reader))

    made_up = [row for row in found.rows if row not in rows]
    assert len(made_up) <= 1, made_up
    assert covered(found) >= len(text.splitlines()) - 1 - blank_lines(text)


def covered(found: Found) -> int:
    """Count the lines of all records and rejections."""
    read = sum(1 + sum(text.count("\n") for text in values) for _, values in found.records)
    return read + sum(1 + max(text.count("\n") for text in raw.values()) for _, _, raw in found.rejected)


def blank_lines(text: str) -> int:
    return sum(not line for line in text.split("\n"))


@many
@given(seed=st.integers(0, 10**6), most=st.sampled_from([2, 3, 10]), start=st.integers(0, 30))
def test_the_answer_is_the_same_wherever_a_reader_begins(
    path: Path, settings: Any, seed: int, most: int, start: int
) -> None:
    settings.IMPORTER = {"MAX_FIELD_LINES": most}
    randomness = random.Random(seed)
    pieces = [
        "a,b\n",
        '"a",b\n',
        'a,"b\n',
        'c"\n',
        'x "y" z\n',
        '1,"2"\n',
        '"q" r,s\n',
        "t\n",
        '"\n',
        "u,v,w\n",
    ]
    text = "".join(randomness.choice(pieces) for _ in range(60))
    one, other = opened(path, text, 2), opened(path, text, 2)

    everything = read(one, whole(one), one_by_one=True)
    step_by_step = read(other, whole(other), limit=1 + start)

    assert step_by_step == everything


@pytest.mark.django_db(transaction=True)
def test_the_report_names_the_lines_of_long_fields(importing: Importing) -> None:
    mail = a_mail(124, random.Random(5)).replace("\n\n", "\n") + "\nend"
    text = written([["1", mail], ["2", "short"]]).replace("c0,c1", "char,text", 1)

    job, result = importing("everything", text)

    assert (result.read, result.inserted) == (2, 2), result
    assert Everything.objects.get(char="1").text == mail
    [note] = make_report(DataImportJob.objects.get(pk=job.pk)).notes[-1:]
    assert (
        note
        == f"1 records have a quoted field of more than 100 lines, read as one: lines 2 to {2 + mail.count(chr(10))}."
    )
