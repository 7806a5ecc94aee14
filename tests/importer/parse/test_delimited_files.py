"""Delimited text: both ways of reading agree with each other and with other readers, in any ranges."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer.exceptions import SourceRefused
from importer.parse.delimited.reader import DelimitedReader
from importer.parse.delimited.records import Records
from importer.parse.delimited.regular import MOST_FIELDS, RegularText
from importer.records import Position
from tests.importer.parse.public_suites import folder_of, papaparse_cases
from tests.importer.parse.reading import PLENTY, opened, ranges_of, read, read_text, whole

many = hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.csv"


# The two lanes, and the cutting, on any bytes

TOKENS = [
    b",", b",", b",", b'"', b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b"a", b"b c", b" ",
    "é".encode(), b"\xff", b"\xef\xbb\xbf", b"\0", b'"q,q"', b'"x\ny"', b'"x\r\ny"', b'""""', b",,", b"1,2\n",
    b"1,2\n", b'"1","2"\n', b"\xe2\x80\xa8", b";", b"\\", b"#", b"'",
]  # fmt: skip
any_bytes = st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)


@many
@given(
    data=any_bytes,
    columns=st.integers(1, 3),
    limit=st.sampled_from([1, 2, 7, PLENTY]),
    block=st.integers(1, 80),
)
@example(data=b'""\n', columns=1, limit=PLENTY, block=80)
@example(data=b"a,b,\n1\n", columns=2, limit=PLENTY, block=80)
@example(data=b"\n\n,\n", columns=2, limit=1, block=1)
def test_both_lanes_give_the_same_records_for_any_bytes(
    path: Path, settings: Any, data: bytes, columns: int, limit: int, block: int
) -> None:
    settings.IMPORTER = {"BATCH_MAX_BYTES": block}
    quick, slow = opened(path, data, columns), opened(path, data, columns)

    found = read(quick, whole(quick), limit=limit)

    assert found == read(slow, whole(slow), one_by_one=True)


@many
@given(
    data=any_bytes,
    limit=st.sampled_from([1, 3, PLENTY]),
    chunk=st.integers(1, 60),
    lines=st.sampled_from([2, 100]),
)
def test_cutting_into_ranges_never_changes_the_records(
    path: Path, settings: Any, data: bytes, limit: int, chunk: int, lines: int
) -> None:
    settings.IMPORTER = {"MAX_FIELD_LINES": lines}
    data = b"c0,c1\n" + data
    expected = read_text(path, data)
    settings.IMPORTER = {"CHUNK_BYTES": chunk, "MAX_FIELD_LINES": lines}
    reader = opened(path, data)
    ranges = ranges_of(reader)

    found = read(reader, ranges, limit=limit)

    assert found == expected
    assert [part.start_offset for part in ranges[1:]] == [part.end_offset for part in ranges[:-1]]


texts = st.text(
    st.one_of(st.sampled_from("\",\n\r \t;'\\\0\ufeffé"), st.characters(exclude_categories=["Cs"])),
    max_size=8,
)


@st.composite
def valid_files(draw: st.DrawFn) -> tuple[str, list[list[str]]]:
    """Draw a file that follows RFC 4180 (newlines of either kind), and its records."""
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1, max_size=12))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    lines = []
    for row in rows:
        fields = []
        for number, text in enumerate(row):
            # A byte order mark at the start, a Ctrl-Z at the end, and an empty line would not be taken for text.
            must = any(mark in text for mark in '",\n\r\x1a') or (width == 1 and not text) or number == 0
            quoted = '"' + text.replace('"', '""') + '"'
            fields.append(quoted if must or draw(st.booleans()) else text)
        lines.append(",".join(fields))
    return newline.join(lines) + draw(st.sampled_from(["", newline])), rows


@many
@given(file=valid_files(), limit=st.sampled_from([1, 2, PLENTY]), block=st.sampled_from([5, 50, PLENTY]))
def test_valid_files_hold_what_was_written_and_what_pythons_reader_finds(
    path: Path, settings: Any, file: tuple[str, list[list[str]]], limit: int, block: int
) -> None:
    settings.IMPORTER = {"BATCH_MAX_BYTES": block}
    text, rows = file
    reader = opened(path, text, len(rows[0]))

    found = read(reader, whole(reader), limit=limit)

    assert not found.rejected
    assert found.rows == rows == pythons(text)


@many
@given(file=valid_files(), limit=st.sampled_from([1, 2, PLENTY]))
def test_each_record_is_told_the_line_where_it_begins(
    path: Path, file: tuple[str, list[list[str]]], limit: int
) -> None:
    text, rows = file
    reader = opened(path, text, len(rows[0]))

    found = read(reader, whole(reader), limit=limit)

    python = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    begins = [1 + python.line_num for _ in iter(lambda: next(python, None), None)]
    assert [line for line, _ in found.records] == [1, *begins][: len(rows)]


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", " ", "\x1f", "q", "a", "0", ":", "\\", "'"])
@pytest.mark.parametrize("block", [20, PLENTY])
def test_any_ascii_delimiter_parts_fields(path: Path, settings: Any, delimiter: str, block: int) -> None:
    settings.IMPORTER = {"BATCH_MAX_BYTES": block}
    rows = [["x", 'say "q"'], ["", "1\n2"], ["z", delimiter], ["é", "y"]]
    lines = [delimiter.join('"' + text.replace('"', '""') + '"' for text in row) for row in rows]
    lines.insert(2, '"one field only"')
    reader = opened(path, "\n".join(lines), 2, delimiter=delimiter)

    found = read(reader, whole(reader))

    assert found.rows == rows
    assert [(line, code) for line, code, _ in found.rejected] == [(4, "too_few_fields")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "cp1251", "koi8-r", "mac-roman", "cp437"]
)
def test_encodings_that_keep_ascii_are_read_in_both_lanes(path: Path, encoding: str) -> None:
    letters = "щ" if encoding in ("cp1251", "koi8-r") else "é"
    data = f'c0,c1\n{letters},1\n"{letters}{letters}\n{letters}",2\n'.encode(encoding)

    regular = read_text(path, data, encoding=encoding)
    irregular = read_text(path, data + b"short\n", encoding=encoding)

    assert regular.rows == irregular.rows == [[letters, "1"], [f"{letters}{letters}\n{letters}", "2"]]


# Limits


def stacked(lines: int) -> str:
    return '"' + "\n".join("x" * lines) + '"'


@pytest.mark.parametrize("neighbour", ["", "short\n"])
def test_a_field_may_fill_as_many_lines_as_the_limit_says(path: Path, settings: Any, neighbour: str) -> None:
    settings.IMPORTER = {"MAX_FIELD_LINES": 5}
    data = f"c0,c1\n1,{stacked(5)}\n{stacked(5)},{stacked(5)}\n{neighbour}"

    found = read_text(path, data)

    assert [line for line, _ in found.records] == [2, 7]
    assert [(line, code) for line, code, _ in found.rejected] == (
        [(16, "too_few_fields")] if neighbour else []
    )


@pytest.mark.parametrize("neighbour", ["", "short\n"])
def test_a_field_of_more_lines_is_a_stray_quote(path: Path, settings: Any, neighbour: str) -> None:
    settings.IMPORTER = {"MAX_FIELD_LINES": 5}
    data = f'c0,c1\n1,2\n3,"4\n5,6\n7,8\n9,10\n11,12\n13,14"\n15,16\n{neighbour}'

    found = read_text(path, data)

    assert found.rejected[0][:2] == (3, "unterminated_quote")
    assert [values[0] for _, values in found.records] == ["1", "5", "7", "9", "11", "13", "15"]


@pytest.mark.parametrize("neighbour", ["", "short\n"])
def test_a_record_over_the_limit_in_bytes_is_rejected_in_both_lanes(
    path: Path, settings: Any, neighbour: str
) -> None:
    settings.IMPORTER = {"MAX_RECORD_BYTES": 100}
    data = f"c0,c1\n1,2\n3,{'x' * 200}\n5,6\n{neighbour}"

    found = read_text(path, data)

    assert found.rejected[0][:2] == (3, "record_too_long")
    assert found.rows == [["1", "2"], ["5", "6"]]


@pytest.mark.parametrize("block", [30, PLENTY])
def test_a_byte_that_is_no_text_costs_its_own_record_alone(path: Path, settings: Any, block: int) -> None:
    """The record has the right width and quotes; the lines inside it are not records."""
    settings.IMPORTER = {"BATCH_MAX_BYTES": block}
    data = b'c0,c1\n1,2\n3,"\xff\n5,6\n"\n7,8\n'

    found = read_text(path, data)

    assert found.rows == [["1", "2"], ["7", "8"]]
    assert [(line, code) for line, code, _ in found.rejected] == [(3, "undecodable")]


@pytest.mark.parametrize("name", ["Ann", '"Ann, B."'])
def test_few_odd_lines_do_not_send_the_others_through_the_slow_lane(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Records, "read", None)
    lines = [f"{number},{name}" for number in range(2_000)]
    lines[500], lines[900], lines[1_300] = "500", "900,x,y", ""
    reader = opened(path, "\n".join(["id,name", *lines]))

    found = read(reader, ranges_of(reader), limit=600)

    assert [(line, code) for line, code, _ in found.rejected] == [
        (502, "too_few_fields"), (902, "too_many_fields"),
    ]  # fmt: skip
    assert [line for line, _ in found.records] == [n + 2 for n in range(2_000) if n not in (500, 900, 1_300)]


# Other readers' tests

SPECTRUM = [
    "comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "location_coordinates", "newlines",
    "newlines_crlf", "quotes_and_newlines", "simple", "simple_crlf", "utf8",
]  # fmt: skip
# Its JSON tells of another record than its CSV holds (a different number and city), so the CSV is what counts.
COORDINATES = [
    {
        "Contact Phone Number": "2095257564",
        "Location Coordinates": "37�36'37.8\"N 121�2'17.9\"W",
        "Cities": "Modesto",
        "Counties": "Stanislaus",
    }
]


@pytest.mark.parametrize("name", SPECTRUM)
def test_csv_spectrum_is_read_exactly(path: Path, name: str) -> None:
    folder = folder_of("csv-spectrum")
    expected = json.loads((folder / "json" / f"{name}.json").read_text(encoding="utf-8"))
    data = (folder / "csvs" / f"{name}.csv").read_bytes()
    reader = opened(path, data)
    columns = reader.columns()

    found = read(reader, ranges_of(reader))

    assert not found.rejected
    assert [dict(zip(columns, row, strict=True)) for row in found.rows] == (
        COORDINATES if name == "location_coordinates" else expected
    )


def test_csv_spectrum_has_no_other_files() -> None:
    folder = folder_of("csv-spectrum")

    assert sorted(file.stem for file in (folder / "csvs").iterdir()) == SPECTRUM


OTHER_FEATURES = {
    "comments": "there are no comments in a source",
    "dynamicTyping": "every value stays text until its field judges it",
    "transform": "transforms belong to the spec",
    "transformHeader": "column names are those of the header",
    "preview": "a source is read to its end",
    "quoteChar": "the quote is the double quote",
    "escapeChar": "a quote in a quoted field is doubled",
    "skipFirstNLines": "the header is the first line",
}
WAIVERS = {
    "Bad comments value specified": OTHER_FEATURES["comments"],
    "Simple duplicated header names": "a duplicated name is refused, as it is ambiguous",
    "Duplicated header names existing column": "a duplicated name is refused, as it is ambiguous",
    "Duplicate header names with __proto__ field": "a duplicated name is refused, as it is ambiguous",
    "Two rows, just \\r": "a lone carriage return ends no record; such a file is refused",
    "Mixed slash n and slash r should choose first as precident": "a lone carriage return is rejected",
    "Blank line in middle with whitespace": "a line of blanks is a record, here of another width",
    "Input is just empty fields": "its records differ in width",
    "Preview should count rows, not lines": OTHER_FEATURES["preview"],
    "Bad delimiter (\\n)": "a newline as the delimiter is refused",
    "Multi-character delimiter": "a delimiter is one character",
    "Multi-character delimiter (length 2) with quoted field": "a delimiter is one character",
    "Callback delimiter": "a delimiter is one character",
    "Pipe delimiter is guessed correctly choose avgFildCount max one": "its records differ in width",
    "Skip empty lines, with first line only whitespace": "a line of blanks is a record, here of another width",
    "Empty input string": "an empty source is refused",
    "Skip empty lines, with empty input": "an empty source is refused",
}
# Delimiters that PapaParse guesses, and that a job is told.
TOLD = {"Pipe delimiter is guessed correctly when mixed with comas": "|"}
TOLD_BY_BEGINNING = {
    "Pipe delimiter is guessed correctly when first": ";",
    "Pipe delimiter is guessed correctly when some": ";",
    "Delimiter is guessed correctly": ";",
}
STRICTER = "text between a closing quote and the delimiter is rejected, blanks included"


def waiver(case: dict[str, Any]) -> str:
    description = case["name"].split(": ", 1)[1]
    if description in WAIVERS:
        return WAIVERS[description]
    if case["config"].get("skipEmptyLines") == "greedy":
        return "a line of nothing but delimiters is a record of empty values"
    return next(
        (OTHER_FEATURES[key] for key in (*case["config"], *case["functions"]) if key in OTHER_FEATURES), ""
    )


def told_delimiter(case: dict[str, Any]) -> str:
    description = case["name"].split(": ", 1)[1]
    guessed = next((mark for begin, mark in TOLD_BY_BEGINNING.items() if description.startswith(begin)), ",")
    return str(case["config"].get("delimiter") or TOLD.get(description, guessed))


def applicable(cases: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (case for case in cases if not waiver(case) and isinstance(case["input"], str))


def test_papaparses_cases_that_apply_are_read_as_it_says(path: Path) -> None:
    wrong: list[Any] = []
    judged = 0
    for case in applicable(papaparse_cases()):
        judged += 1
        reader, expected = _papa_reader(path, case)
        found = read(reader, ranges_of(reader) if case["config"].get("header") else whole(reader))
        names = reader.columns()
        rows = [
            dict(zip(names, row, strict=True)) if case["config"].get("header") else row for row in found.rows
        ]
        is_stricter = any(code == "stray_quote" for _, code, _ in found.rejected)
        if case["errors"] or is_stricter:
            # What is damaged, there or here, must be rejected, and nothing may be made up for it.
            if not found.rejected or any(row not in expected for row in rows):
                wrong.append((case["name"], rows, found.rejected))
        elif rows != expected or found.rejected:
            wrong.append((case["name"], rows, expected, found.rejected))

    assert wrong == [], wrong
    assert judged > 90


def _papa_reader(path: Path, case: dict[str, Any]) -> tuple[DelimitedReader, list[Any]]:
    """Read as PapaParse, without its records of one empty field for blank lines."""
    case["errors"] = [
        row for row in case["errors"] if row is not None
    ]  # None: only the delimiter was not guessed
    expected = [row for row in case["data"] if row != [""]]
    columns = None if case["config"].get("header") else max((len(row) for row in expected), default=1)
    if case["config"].get("header"):
        expected = [row for number, row in enumerate(case["data"]) if number not in case["errors"]]
    text = case["input"] if columns is None else case["input"].removeprefix("\ufeff")
    return opened(path, text, columns, delimiter=told_delimiter(case)), expected


def test_every_waiver_is_for_a_case_that_exists() -> None:
    cases = papaparse_cases()
    descriptions = {case["name"].split(": ", 1)[1] for case in cases}
    keys = {key for case in cases for key in (*case["config"], *case["functions"])}

    assert set(WAIVERS) <= descriptions
    assert set(OTHER_FEATURES) <= keys
    assert len(list(applicable(cases))) + sum(bool(waiver(case)) for case in cases) == len(cases)


# The standard library's tests of its reader (test_csv.py): what each line holds, or None where it is rejected

PYTHONS = [
    ("", [], 1), ('""', [[""]], 1), (",", [["", ""]], 2), ("a,b\n", [["a", "b"]], 2),
    ("a,b\r\n", [["a", "b"]], 2), ("a,b\r\r\n", [["a", "b"]], 2), ('"a,b"', [["a,b"]], 1),
    ('"a""b"', [['a"b']], 1), ('"a\nb"', [["a\nb"]], 1), ('"a\rb"', [["a\rb"]], 1),
    ('"a\r\nb"', [["a\r\nb"]], 1), ('a"b"c,1', [['a"b"c', "1"]], 2), ('a"', [['a"']], 1), ('"ab"c', None, 1),
    ('"ab" ', None, 1), ('"ab', None, 1), ('a,"', None, 2), ('"a"\n"b', None, 1), ("ab\rcd", None, 1),
    ("ab\0c", [["ab\0c"]], 1), ('"ab\0c"', [["ab\0c"]], 1), ('1,",3,",5', [["1", ",3,", "5"]], 3),
    (',3,"5",7.3, 9', [["", "3", "5", "7.3", " 9"]], 5), ('"a\n, 7"', [["a\n, 7"]], 1), (' "a"', [[' "a"']], 1),
    ("'a,b'", [["'a", "b'"]], 2), ("a\\,b", [["a\\", "b"]], 2), ('"""', None, 1), ('""""', [['"']], 1),
    ('"" ""', None, 1), ('"","",""', [["", "", ""]], 3), ("#a,b", [["#a", "b"]], 2),
    ("a\x0bb\x0c\x1c\x85\u2028,c", [["a\x0bb\x0c\x1c\x85\u2028", "c"]], 2),
]  # fmt: skip


def pythons(text: str) -> list[list[str]]:
    """Return Python's records, without its empty ones for blank lines."""
    return [row for row in csv.reader(io.StringIO(text, newline="\n"), strict=True) if row]


@pytest.mark.parametrize(("text", "rows", "columns"), PYTHONS)
def test_the_edges_of_pythons_reader_are_ours(
    path: Path, text: str, rows: list[list[str]] | None, columns: int
) -> None:
    reader = opened(path, text, columns)

    found = read(reader, whole(reader))

    if rows is None:
        assert found.rejected
        with pytest.raises(csv.Error):
            pythons(text)
    else:
        assert not found.rejected
        assert found.rows == rows == pythons(text)


# Headers


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("a,b\n", ["a", "b"]),
        ("\ufeffa,b\n", ["a", "b"]),
        ('\ufeff"a","b"\r\n', ["a", "b"]),
        ("\n\r\na,b\n", ["a", "b"]),
        (" a , b \n", ["a", "b"]),
        ("a,,c\n", ["a", "_column2", "c"]),
        ('"a\nb",c\n', ["a\nb", "c"]),
        ("a,b", ["a", "b"]),
        ("é,日本\n", ["é", "日本"]),
    ],
)
def test_the_header_names_the_columns(path: Path, header: str, columns: list[str]) -> None:
    reader = opened(path, header)

    assert reader.columns() == columns


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty|only blank lines"),
        (b"\n\r\n\n", "only blank lines"),
        (b"a,b,a\n1,2,3\n", '"a" more than once'),
        (b"a, a\n1,2\n", '"a" more than once'),
        (b",_column1\n1,2\n", '"_column1" more than once'),
        (b"a,\xff\n1,2\n", "not valid utf-8"),
        (b'a,"b\n1,2\n', "not closed"),
        (b"a,b\r1,2\r3,4\r", "carriage return"),
    ],
)
def test_a_header_that_names_no_columns_is_refused_in_one_line(path: Path, data: bytes, reason: str) -> None:
    reader = opened(path, data)

    with pytest.raises(SourceRefused, match=reason) as refusal:
        ranges_of(reader)

    assert "\n" not in str(refusal.value)


IRREGULAR = {
    "too many fields": '{n},"Ann, ""A""\nand more",x,y\n',
    "too few fields": "{n}\n",
    "a stray quote": '{n},"Ann" more,x\n',
    "a quote within a text": '{n},5" pipe,x\n',
    "a blank line": "\n",
    "a byte that is no text": "{n},\udcff,x\n",
    "a lone carriage return": "{n},a\rb,x\n",
    "a field of very many lines": '{n},"' + "\n" * 120 + '",x\n',
}


@pytest.mark.parametrize("kind", IRREGULAR)
def test_an_irregular_record_leaves_the_others_to_the_columns(path: Path, settings: Any, kind: str) -> None:
    lines = [
        IRREGULAR[kind].format(n=n) if n % 100 == 50 else f'{n},"Ann, ""A""\nand more {n}",x\n'
        for n in range(3_000)
    ]
    reader = opened(path, "".join(lines).encode("utf-8", "surrogateescape"), 3)
    start, stop = Position(0, 1), path.stat().st_size

    by_columns = reader.frames.read(start, stop, size=stop, limit=2_000)
    one_by_one = reader.records.read(start, stop, 2_000)

    assert by_columns is not None
    assert by_columns.texts.equals(one_by_one.texts)
    assert by_columns.lines.equals(one_by_one.lines)
    assert list(by_columns.rejections) == list(one_by_one.rejections)
    assert by_columns.size == one_by_one.size == 2_000
    assert by_columns.end == one_by_one.end


@pytest.mark.parametrize("kind", IRREGULAR)
def test_to_find_regular_records_is_no_more_work_the_more_irregular_ones_there_are(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    lines = [IRREGULAR[kind].format(n=n) if n % 40 == 20 else f'{n},"a\nb",x\n' for n in range(8_000)]
    reader = opened(path, "".join(lines).encode("utf-8", "surrogateescape"), 3)
    data, stop, tried = path.read_bytes(), path.stat().st_size, []
    height = RegularText._height

    def counted(self: RegularText, offset: int) -> int:
        tried.append(offset)
        return height(self, offset)

    monkeypatch.setattr(RegularText, "_height", counted)

    stretches = list(reader.frames.stretches.walk(data, Position(0, 1), stop, most=PLENTY))

    assert stretches[-1].end.offset == stop
    assert len(tried) < 2 * len(lines)


@pytest.mark.parametrize("width", [MOST_FIELDS, MOST_FIELDS + 1])
def test_records_of_many_fields_are_read_by_columns(path: Path, width: int) -> None:
    lines = [f'{n},"a ""b"", c"' + ",x" * (width - 2) + ",y" * (n == 9) + "\n" for n in range(20)]
    reader, stop = opened(path, "".join(lines), width), sum(map(len, lines))

    by_columns = reader.frames.read(Position(0, 1), stop, size=stop, limit=PLENTY)
    one_by_one = reader.records.read(Position(0, 1), stop, PLENTY)

    assert by_columns is not None
    assert by_columns.texts.equals(one_by_one.texts)
    assert list(by_columns.rejections) == list(one_by_one.rejections)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_regular_quotes_are_not_taken_for_ordinary_characters(path: Path, newline: str) -> None:
    notes: list[str] = []
    reader = opened(path, f'a,b{newline}1,"x"{newline}2,"y"{newline}', notes=notes)

    assert ranges_of(reader)
    assert not notes
