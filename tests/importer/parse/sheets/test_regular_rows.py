"""Rows that a pattern reads give the same as rows that the parser reads, in the same order."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer.parse.sheets import elements
from importer.parse.sheets.regular_rows import RegularRows
from tests.importer.parse.sheets.books import MAIN, Read, read, row, text, xlsx

STRINGS = "<si><t>shared</t></si><si><t>a\tb</t></si>"
CELLS = [
    "<c><v>1</v></c>",
    '<c s="1"><v>45351.5</v></c>', '<c t="s"><v>1</v></c>', '<c t="b"><v>1</v></c>', "<c/>",
    '<c t="str"><v>é &amp; x</v></c>', '<c t="str"><v>x</v></c>', '<c t="e"><v>#N/A</v></c>',
    "<c><f>1+1</f><v>2</v></c>",
    "<c><f>1+1</f></c>", "plain", '<c t="n"><v>1.5E3</v></c>', '<c t="str"><v>two\nlines</v></c>', '<c s="0"/>',
]  # fmt: skip


def without_pattern(path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    with monkeypatch.context() as patch:
        patch.setattr(RegularRows, "_cells_of", lambda *_: None)
        return read(path)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.lists(st.sampled_from(CELLS), max_size=3), min_size=1, max_size=8),
    piece=st.sampled_from([7, 100, 1 << 16]),
)
def test_both_ways_give_the_same(folder: Path, rows: list[list[str]], piece: int) -> None:
    sheet = row(1, "char", "text", "slug") + "".join(row(n * 2, *cells) for n, cells in enumerate(rows, 1))
    book = xlsx(folder / "book.xlsx", sheet, strings=STRINGS, formats=("yyyy-mm-dd",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elements, "PIECE", piece)

        assert read(book) == without_pattern(book, patch)


def test_most_rows_of_programs_are_regular(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = xlsx(
        folder / "book.xlsx", row(1, "char") + "".join(row(n, "<c><v>1</v></c>") for n in range(2, 50))
    )
    monkeypatch.setattr("importer.parse.sheets.xlsx._Cells.end", lambda *_: None)

    assert len(read(book, header=False, columns=["char"]).rows) == 48


def test_text_of_another_encoding_goes_to_the_parser(folder: Path) -> None:
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{row(1, "char")}{row(2, "<c><v>1</v></c>")}'
    sheet += f'<row r="3">{text("A3", "é")}</row></sheetData></worksheet>'
    for encoding in ("iso-8859-1", "utf-16", "UTF-8"):
        data = f'<?xml version="1.0" encoding="{encoding}"?>{sheet}'.encode(encoding)
        book = xlsx(folder / f"{encoding}.xlsx", "", more={"xl/worksheets/sheet1.xml": data})

        assert read(book).rows == [(2, ["1"]), (3, ["é"])]
