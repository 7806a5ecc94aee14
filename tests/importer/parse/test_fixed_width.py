"""Fields of fixed widths: both ways of reading agree with what was written, in any ranges."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer import Dialect, run_import
from importer.exceptions import SourceRefused
from importer.jobs import create_job
from importer.models import DataImportJob, StagingRecord
from importer.parse.delimited.records import Records
from importer.records import Position
from importer.rejects.replay import replay_rejects
from tests.importer.parse.reading import PLENTY, opened, ranges_of, read, whole
from tests.importer.samples.crm.models import Company

NAMES = ("c0", "c1", "c2")
WIDTHS = (3, 2, 4)
many = hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


def dialect(**parts: Any) -> Dialect:
    return Dialect(**{"widths": WIDTHS, "header": False, "columns": NAMES} | parts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.txt"


def rows_of(path: Path, text: str | bytes, **parts: Any) -> Any:
    options = {"encoding": parts.pop("encoding")} if "encoding" in parts else {}
    reader = opened(path, text, dialect=dialect(**parts), **options)
    return read(reader, ranges_of(reader))


TOKENS = [
    "a", "bb", "ccc", " ", "   ", "é", "漢", "\n", "\n", "\r\n", "\r", "#", '"', ",", "\x1f", "\x1e", "\x1d",
    "\x1dd", "aaabbcccc\n", "aaabbcccc\n", "aaabb\n", "aaa\r\n", "#note\n", "\t", "\xff",
]  # fmt: skip


@many
@given(
    text=st.lists(st.sampled_from(TOKENS), max_size=30).map("".join),
    comment=st.sampled_from([None, "#"]),
    encoding=st.sampled_from(["utf-8", "cp1252", "ascii"]),
    limit=st.sampled_from([1, 3, PLENTY]),
    block=st.sampled_from([20, 200, PLENTY]),
    chunk=st.sampled_from([15, 60, PLENTY]),
)
@example(text="aaabbcccc\n#note", comment="#", encoding="utf-8", limit=PLENTY, block=PLENTY, chunk=PLENTY)
def test_both_lanes_and_all_ranges_give_the_same(
    path: Path,
    settings: Any,
    text: str,
    comment: str | None,
    encoding: str,
    limit: int,
    block: int,
    chunk: int,
) -> None:
    settings.IMPORTER = {}
    data, how = text.encode("utf-8"), dialect(comment=comment)
    slow = opened(path, data, 3, dialect=how, encoding=encoding)
    expected = read(slow, whole(slow), one_by_one=True)
    settings.IMPORTER = {"BATCH_MAX_BYTES": block, "CHUNK_BYTES": chunk}
    quick = opened(path, data or b"\n", dialect=how, encoding=encoding)

    found = read(quick, ranges_of(quick), limit=limit)

    assert found == expected


def texts_of(width: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=width)


@many
@given(
    rows=st.lists(st.tuples(*map(texts_of, WIDTHS)), min_size=1, max_size=6),
    trims=st.booleans(),
)  # fmt: skip
def test_what_was_written_comes_back(path: Path, rows: list[tuple[str, ...]], trims: bool) -> None:
    rows = [("x" * 3, "y" * 2, last) for *_, last in rows] if trims else [("x", *row[1:]) for row in rows]
    lines = ["".join(map(str.ljust, row, WIDTHS)) for row in rows]

    found = rows_of(path, "\n".join(line.rstrip(" ") if trims else line for line in lines) + "\n")

    assert not found.rejected
    assert found.rows == [[value.strip(" ") for value in row] for row in rows]


def test_short_and_long_lines_are_rejected_with_their_reason(path: Path) -> None:
    text = (
        "aaabbcccc\naaabbc\naaabb\naaa\naaa \naab   \nab\naaab\naaabbcccc   \naaabbccccd\r\n\naaabbcccc\r\n"
    )
    reader = opened(path, text, dialect=dialect())
    messages = {}
    for part in ranges_of(reader):
        batch = reader.records.read(Position(part.start_offset, part.first_line), part.end_offset, PLENTY)
        messages = {r.line: r.errors[0].message for r in batch.rejections}

    found = rows_of(path, text)

    assert [line for line, _ in found.records] == [1, 2, 3, 4, 5, 6, 9, 12]
    assert found.rows[1:6] == [
        ["aaa", "bb", "c"],
        ["aaa", "bb", ""],
        ["aaa", "", ""],
        ["aaa", "", ""],
        ["aab", "", ""],
    ]
    assert found.rejected == [
        (7, "wrong_length", {"_raw": "ab"}), (8, "wrong_length", {"_raw": "aaab"}),
        (10, "wrong_length", {"_raw": "aaabbccccd"}),
    ]  # fmt: skip
    assert messages == {
        7: 'The line ends within "c0", after 2 of 3 characters.',
        8: 'The line ends within "c1", after 1 of 2 characters.',
        10: "The line has 10 characters where its fields have 9.",
    }


def test_widths_count_characters_in_any_encoding(path: Path) -> None:
    text = "é漢xbbcccc\nZoëbb€€€€\n"
    assert rows_of(path, text).rows == [["é漢x", "bb", "cccc"], ["Zoë", "bb", "€€€€"]]

    latin = "Zoëbb€€€€\r\n"
    assert rows_of(path, latin.encode("cp1252"), encoding="cp1252").rows == [["Zoë", "bb", "€€€€"]]


def test_a_byte_that_is_no_text_rejects_its_line(path: Path) -> None:
    found = rows_of(path, b"aaabbcccc\na\xffabbcccc\n")

    assert found.rows == [["aaa", "bb", "cccc"]]
    assert [(line, code) for line, code, _ in found.rejected] == [(2, "undecodable")]


def test_headers_titles_footers_and_comments(path: Path) -> None:
    text = "Title\nc0 c1c2\n# a note\naaabbcccc\n\nbbb  dd\nTOTAL 2\n"
    parts = {"header": True, "columns": (), "skip_lines": 1, "footer_lines": 1, "comment": "#"}

    found = rows_of(path, text, **parts)

    assert found.records == [(4, ("aaa", "bb", "cccc")), (6, ("bbb", "", "dd"))]
    with pytest.raises(SourceRefused, match=r"The header .*\(line 1\) does not have the widths"):
        rows_of(path, "c0,c1,c2,c3\naaabbcccc\n", header=True, columns=())


def test_one_column(path: Path) -> None:
    found = rows_of(path, "abc\nab\nabcd\n abc\n", widths=(3,), columns=("c0",))

    assert found.rows == [["abc"], ["ab"]]
    assert [line for line, *_ in found.rejected] == [3, 4]


def test_whole_blocks_are_read_by_columns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither odd lines nor comments nor letters beyond ASCII send the others through the way of single records."""
    monkeypatch.setattr(Records, "read", None)
    text = "aaabbcccc\n" * 50 + "odd\x1fline" * 3 + "\n" + "# note\n" + "Zoëbbcccc\n" * 50

    found = rows_of(path, text, comment="#")

    assert (len(found.rows), len(found.rejected)) == (100, 1)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"widths": (0,)}, 'Invalid width "0"'), ({"widths": ("ten",)}, 'Invalid width "ten"'),
        ({"widths": (1_000_001,)}, "1 to 1,000,000"), ({"delimiter": ","}, "have no delimiter"),
        ({"escape": "\\"}, "no escape"), ({"columns": ("a",)}, "3 widths and 1 columns"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        dialect(**parts)

    assert reason in str(refusal.value)


@pytest.mark.django_db(transaction=True)
def test_a_file_is_imported_by_the_options_of_create_import(folder: Path, capsys: Any) -> None:
    path = folder / "companies.txt"
    path.write_text("C1        Müller & Söhne\nC2        Two\nC3  x\nC4\n", encoding="cp1252")
    options = ["--widths", "10,20", "--no-header", "--columns", "code,name", "--encoding", "cp1252"]

    call_command("create_import", "companies", str(path), *options)
    job = DataImportJob.objects.get(pk=int(capsys.readouterr().out))
    result = run_import(job)

    assert (result.inserted, result.rejected) == (2, 2)
    assert list(Company.objects.order_by("code").values_list("code", "name")) == [
        ("C1", "Müller & Söhne"), ("C2", "Two"),
    ]  # fmt: skip
    assert list(StagingRecord.objects.order_by("line").values_list("line", "raw")) == [
        (3, {"_raw": "C3  x"}), (4, {"_raw": "C4"}),
    ]  # fmt: skip
    assert replay_rejects(job).left == 2
    with pytest.raises(CommandError, match='Invalid width "x"'):
        call_command("create_import", "companies", str(path), "--widths", "10,x")
    with pytest.raises(SourceRefused, match="which has no widths"):
        create_job("companies", str(folder / "a.xlsx"), dialect={"widths": [1]})
