"""Dialects of delimited text: both ways of reading agree with what was written, in any ranges."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer import Dialect
from importer.exceptions import SourceRefused
from importer.parse.delimited.records import Records
from tests.importer.parse.reading import PLENTY, opened, ranges_of, read, whole

many = hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
NAMES = ("c0", "c1", "c2")

DIALECTS = {
    "plain": {},
    "no quote": {"quote": None},
    "single quote": {"quote": "'"},
    "thorn": {"quote": "þ", "delimiter": "\x14"},
    "backslash": {"escape": "\\"},
    "backslash, no quote, tab": {"escape": "\\", "quote": None, "delimiter": "\t"},
    "caret": {"escape": "^", "quote": "'"},
    "two pipes": {"delimiter": "||"},
    "two pipes, no quote": {"delimiter": "||", "quote": None},
    "long": {"delimiter": "<->", "escape": "\\"},
    "section sign": {"delimiter": "§"},
    "comments": {"comment": "#"},
    "comments and escapes": {"comment": "--", "escape": "\\", "quote": None},
    "trailing": {"trailing_delimiter": True, "delimiter": "|"},
    "blanks": {"blank_after_delimiter": True},
    "all": {"delimiter": "::", "quote": "'", "escape": "\\", "comment": "//", "trailing_delimiter": True,
            "blank_after_delimiter": True},
    "hive": {"delimiter": "\x01", "quote": None, "escape": "\\"},
}  # fmt: skip


def dialect(name: str, **more: Any) -> Dialect:
    return Dialect(**{"delimiter": ",", **DIALECTS[name], **more})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.csv"


def reader_of(path: Path, data: bytes | str, how: Dialect, columns: int | None = 3) -> Any:
    return opened(path, data, columns, dialect=how)


# Any bytes: the two ways give the same

TOKENS = [
    ",", ",", '"', "'", "\\", "\\", "\\\\", "\n", "\n", "\r\n", "a", "b c", " ", "#", "--", "//", "||", "|", "::", ":",
    "<->", "§", "\x01", "\x02", "\x03", "\x10", "\x1f", "\\N", "\\n", "\\\n", "^", "^\n", "\t", "þ", "\x14", "1,2,3\n",
    "1,2,3\n", "1|2|3|\n", "1||2||3\n", "'x','y','z'\n", '"x","y\n","z"\n', "1, 2, 3\n", "# note\n", "\n# \\\n", "\xff",
]  # fmt: skip


@many
@given(
    name=st.sampled_from(sorted(DIALECTS)),
    text=st.lists(st.sampled_from(TOKENS), max_size=30).map("".join),
    limit=st.sampled_from([1, 3, PLENTY]),
    block=st.sampled_from([20, 200, PLENTY]),
    chunk=st.sampled_from([15, 60, PLENTY]),
)
@example(name="comments", text="# it's \"so\n1,2,3\n", limit=PLENTY, block=PLENTY, chunk=PLENTY)
@example(name="comments and escapes", text="-- c:\\\n1,2,3\n", limit=PLENTY, block=PLENTY, chunk=PLENTY)
@example(name="backslash", text="a\\\nb,2,3\n1,2,3\n", limit=1, block=PLENTY, chunk=PLENTY)
def test_both_lanes_and_all_ranges_give_the_same(
    path: Path, settings: Any, name: str, text: str, limit: int, block: int, chunk: int
) -> None:
    settings.IMPORTER = {}
    slow = reader_of(path, text, dialect(name))
    expected = read(slow, whole(slow), one_by_one=True)
    settings.IMPORTER = {"BATCH_MAX_BYTES": block, "CHUNK_BYTES": chunk}
    how = dialect(name, header=False, columns=NAMES)
    quick = reader_of(path, text or "\n", how, None)

    found = read(quick, ranges_of(quick), limit=limit)

    assert found == expected


# What was written comes back

WORDS = [
    "", "a", "Zoë", " x", "y ", '"', "'", "\\", "\\N", "n", "^", "|", "||", "::", ":", ",", "<", "->", "\t", "\n", "\r",
    "\r\n", "#", "--", "//", "\x01", "\x02", "\x10", "\x1f", "þ", "§", "5\" disk", "N", "\\n",
]  # fmt: skip
value = st.lists(st.sampled_from(WORDS), max_size=4).map("".join)


def written(rows: list[list[str]], how: Dialect) -> str:
    """Write rows as the dialect says, each special character in the first way that the dialect has for it."""
    escapes = {mark for mark in (how.quote, how.escape, how.delimiter[0], "\n", "\r") if mark}
    lines = []
    for row in rows:
        fields = []
        for number, text in enumerate(row):
            if how.escape:
                text = "".join(how.escape + letter if letter in escapes else letter for letter in text)
            if how.quote:
                text = text if how.escape else text.replace(how.quote, how.quote * 2)
                text = how.quote + text + how.quote
            elif how.comment and number == 0 and text.startswith(how.comment) and how.escape:
                text = how.escape + text
            fields.append(text)
        blank = " " if how.blank_after_delimiter else ""
        lines.append((how.delimiter + blank).join(fields) + how.delimiter * how.trailing_delimiter)
    return "\n".join(lines) + "\n"


def can_be_written(rows: list[list[str]], how: Dialect) -> bool:
    if how.quote or how.escape:
        return all("\0" not in text for row in rows for text in row)
    return not any(mark in text for row in rows for text in row for mark in (how.delimiter[0], "\n", "\r"))


@many
@given(
    name=st.sampled_from(sorted(DIALECTS)),
    rows=st.lists(st.lists(value, min_size=3, max_size=3), min_size=1, max_size=8),
    block=st.sampled_from([20, PLENTY]),
    chunk=st.sampled_from([30, PLENTY]),
)
def test_what_was_written_comes_back(
    path: Path, settings: Any, name: str, rows: list[list[str]], block: int, chunk: int
) -> None:
    settings.IMPORTER = {"BATCH_MAX_BYTES": block, "CHUNK_BYTES": chunk}
    how = dialect(name)
    rows = [row for row in rows if can_be_written([row], how)]
    text = how.delimiter.join(NAMES) + how.delimiter * how.trailing_delimiter + "\n"
    if rows:
        text += written(rows, how)
    reader = opened(path, text, dialect=how)

    found = read(reader, ranges_of(reader))

    assert not found.rejected
    assert reader.columns() == list(NAMES)
    assert found.rows == rows


@many
@given(
    rows=st.lists(st.lists(value, min_size=3, max_size=3), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONE]),
    double=st.booleans(),
    delimiter=st.sampled_from([",", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_what_pythons_csv_module_writes_is_read(
    path: Path, rows: list[list[str]], quoting: Any, double: bool, delimiter: str, newline: str
) -> None:
    file = io.StringIO()
    # Python 3.11 does not escape the escape itself, nor quote a carriage return that ends no line of its own.
    rows = [["-", *(text.replace("\\", "/").replace("\r", "") for text in row[1:])] for row in rows]
    options = {"quoting": quoting, "doublequote": double, "delimiter": delimiter, "escapechar": "\\"}
    csv.writer(file, lineterminator=newline, **options).writerows([NAMES, *rows])
    how = Dialect(delimiter=delimiter, escape="\\", quote=None if quoting == csv.QUOTE_NONE else '"')
    reader = opened(path, file.getvalue(), dialect=how)

    found = read(reader, ranges_of(reader))

    assert not found.rejected
    assert found.rows == rows


# Parts of a dialect


def test_backslash_n_alone_is_null_and_the_letters_are_what_they_mean(path: Path) -> None:
    how = dialect("backslash, no quote, tab")
    text = "\\N\tx\\ty\\nz\ta\\\\N\n\\Nx\t\\\\N\t\\q\\0\\Z\n"
    reader = reader_of(path, text, how)

    found = read(reader, whole(reader))

    assert found.rows == [[None, "x\ty\nz", "a\\N"], ["Nx", "\\N", "q\0\x1a"]]


def test_lines_are_counted_through_comments_blanks_escapes_and_quotes(path: Path) -> None:
    how = dialect("comments", escape="\\", skip_lines=2, footer_lines=1)
    text = 'title\n"x\nc0,c1,c2\n# note\n\n1,"2\n2",3\n# it\n4,5\\\n5,6\n7,8\n9,10,11\n\n3 records\n\n'
    reader = opened(path, text, dialect=how)

    found = read(reader, ranges_of(reader))

    assert [line for line, _ in found.records] == [6, 9, 12]
    assert [(line, code) for line, code, _ in found.rejected] == [(11, "too_few_fields")]
    assert found.rows == [["1", "2\n2", "3"], ["4", "5\n5", "6"], ["9", "10", "11"]]


@pytest.mark.parametrize("tail", ["", "\n", "\n\n", "\r\n"])
@pytest.mark.parametrize("footer", ["total 2", "total\ntwo", "é,1,2,3\n\n-- end"])
def test_footer_lines_are_not_records(path: Path, tail: str, footer: str) -> None:
    how = Dialect(delimiter=",", footer_lines=len(footer.split("\n")))
    reader = opened(path, "c0,c1,c2\n1,2,3\n4,5,6\n" + footer + tail, dialect=how)

    found = read(reader, ranges_of(reader))

    assert (found.rows, found.rejected) == ([["1", "2", "3"], ["4", "5", "6"]], [])


def test_a_footer_of_a_large_file_is_found(path: Path) -> None:
    rows = ["1,2,3"] * 100_000
    reader = opened(
        path,
        "\n".join(["c0,c1,c2", *rows, *["x"] * 30_000]),
        dialect=Dialect(delimiter=",", footer_lines=30_000),
    )

    found = read(reader, ranges_of(reader))

    assert (len(found.rows), found.rejected) == (100_000, [])


def test_a_footer_longer_than_the_file_leaves_nothing(path: Path) -> None:
    reader = opened(path, "c0,c1,c2\n1,2,3\n", dialect=Dialect(delimiter=",", footer_lines=9))

    with pytest.raises(SourceRefused, match="empty"):
        ranges_of(reader)


def test_a_line_without_the_trailing_delimiter_is_rejected(path: Path) -> None:
    reader = opened(path, "c0|c1|c2|\n1|2|3|\n4|5|6\n7|8|\n1|2|3|4|\n1|2|3|4\n", dialect=dialect("trailing"))

    found = read(reader, ranges_of(reader))

    assert found.rows == [["1", "2", "3"]]
    assert [(line, code) for line, code, _ in found.rejected] == [
        (3, "too_few_fields"), (4, "too_few_fields"), (5, "too_many_fields"), (6, "too_few_fields"),
    ]  # fmt: skip


def test_a_file_without_a_header_begins_with_a_record(path: Path) -> None:
    reader = opened(path, "\ufeff1,2,3\n", dialect=Dialect(delimiter=",", header=False, columns=NAMES))

    found = read(reader, ranges_of(reader))

    assert (reader.columns(), found.rows) == (list(NAMES), [["1", "2", "3"]])


def test_whole_blocks_of_a_dialect_are_read_by_columns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escapes, comments, long delimiters: not one record takes the way of single records."""
    monkeypatch.setattr(Records, "read", None)
    for name in DIALECTS:
        how = dialect(name, header=False, columns=NAMES)
        row = ["x", "y z", "é"]
        if how.escape:
            row[1] += f"{how.delimiter[0]}q\n{how.escape}"
        text = "".join(f"{how.comment} note\n\n" if how.comment else "" for _ in range(3)) + written(
            [row] * 500, how
        )
        reader = opened(path, text, dialect=how)
        part = whole(reader)

        assert read(reader, part).rows == [row] * 500, name


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"delimiter": "\n"}, 'Invalid delimiter "\n"'), ({"delimiter": '"'}, 'Invalid delimiter """'),
        ({"delimiter": "|" * 21}, "up to 20"), ({"delimiter": "tabulator"}, "no word"),
        ({"quote": "ab"}, 'Invalid quote "ab"'),
        ({"quote": ""}, 'Invalid quote ""'), ({"escape": "n"}, 'Invalid escape "n"'),
        ({"comment": ""}, 'Invalid comment ""'), ({"comment": "a,b", "delimiter": ","}, 'Invalid comment "a,b"'),
        ({"skip_lines": -1}, 'Invalid skip_lines "-1"'), ({"columns": ("a",)}, "named by the header"),
        ({"header": False}, "without a header needs"), ({"header": False, "columns": ("a", "a")}, "more than once"),
        ({"header": False, "columns": ("a", "")}, "empty"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        Dialect(**parts)

    assert reason in str(refusal.value)
