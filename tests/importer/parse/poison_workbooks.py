"""Defines small workbooks that ask for gigabytes, and the expected outcome within one gigabyte."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.importer.parse.sheets.books import MAIN, ODS_NAMES, OFFICE, ods, row, table, table_row, xlsx

MEGABYTE = 1024 * 1024
HEADER = row(1, "code", "name")
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
ODS_HEADER = table_row("code", "name")
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def book(*sheets: str, **parts: Any) -> bytes:
    with TemporaryDirectory() as folder:
        return xlsx(Path(folder, "book.xlsx"), *(sheets or (HEADER,)), **parts).read_bytes()


def ods_book(*rows: str, **parts: Any) -> bytes:
    with TemporaryDirectory() as folder:
        return ods(Path(folder, "book.ods"), table("A", ODS_HEADER, *rows), **parts).read_bytes()


def with_part(name: str, begin: str, piece: str, times: int, end: str, base: bytes | None = None) -> bytes:
    """Return a workbook with one part of very many pieces, without building it in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        if base:
            with zipfile.ZipFile(io.BytesIO(base)) as source:
                for other in source.namelist():
                    if other != name:
                        archive.writestr(other, source.read(other))
        with archive.open(name, "w") as part:
            part.write(begin.encode())
            for block in blocks(piece.encode(), times):
                part.write(block)
            part.write(end.encode())
    return buffer.getvalue()


def blocks(piece: bytes, times: int) -> Iterator[bytes]:
    many = max(1, MEGABYTE // len(piece))
    for start in range(0, times, many):
        yield piece * min(many, times - start)


def sheet_of(piece: str, times: int, *, before: str = HEADER) -> bytes:
    begin, end = f'<worksheet xmlns="{MAIN}"><sheetData>{before}', "</sheetData></worksheet>"
    return with_part(SHEET, begin, piece, times, end, book())


def distinct(number: int) -> str:
    return "".join(f"<a{index}/>" for index in range(number))


def long_names(part: str, begin: str, tag: str, end: str) -> bytes:
    """Return a workbook with forty names of a megabyte, which a parser or its caller would keep."""
    letters = [f"{letter}{'x' * (MEGABYTE - 100)}" for letter in "ABCDEFGHIJKLMNOPQRST" * 2]
    tags = [tag.format(f"{name}{number}") for number, name in enumerate(letters)]
    return with_part(part, begin, "".join(tags), 1, end, book())


def workbooks() -> dict[str, tuple[bytes, str]]:
    content = f"<office:document-content {ODS_NAMES}><office:body><office:spreadsheet>"
    repeated = "table:number-columns-repeated"
    everything = f'<table:table-cell {repeated}="16384"><text:p>x</text:p></table:table-cell>'
    blanks = f'<table:table-cell {repeated}="16384"/>'
    far = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>'
    claims = f'<worksheet><dimension ref="A1:XFD1048576"/><sheetData>{HEADER}</sheetData></worksheet>'
    letters = [first + second for first in ("", *"ABCDEF") for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    twice = '<c t="s"><v>0</v></c><c t="s"><v>1</v></c>' * 3_000
    sheets = f'<workbook xmlns:r="{OFFICE}"><sheets>'
    hidden = '<style:style style:name="{}"><style:table-properties table:display="false"/></style:style>'
    too_long = "of its sheets, parts and formats"
    return {
        "sheets.xlsx": (
            long_names("xl/workbook.xml", sheets, '<sheet name="{}" r:id="r1"/>', "</sheets></workbook>"), too_long
        ),
        "styles.xlsx": (
            long_names("xl/styles.xml", "<styleSheet><cellXfs>", '<xf numFmtId="{}"/>', "</cellXfs></styleSheet>"),
            too_long,
        ),
        "elements.xlsx": (long_names("xl/styles.xml", "<styleSheet>", "<{}/>", "</styleSheet>"), "names of elements"),
        "styles.ods": (
            long_names("content.xml", f"<office:document-content {ODS_NAMES}>", hidden, "</office:document-content>"),
            too_long,
        ),
        "blank.xlsx": (sheet_of(" " * 1000, 60_000), "a tag or a text"),
        "comments.xlsx": (sheet_of(f"<!--{'x' * 10_000}-->", 7_000), "archive bombs"),
        "rows.xlsx": (book(HEADER + row(1_048_577, "x")), "more than 1,048,576 rows"),
        "cells.xlsx": (sheet_of("<c/>", 1_000_000, before=HEADER + "<row>"), "more than 16,384 columns"),
        "values.xlsx": (sheet_of("<c><v>1</v></c>", 100_000, before=HEADER + "<row>"), "more than 16,384 columns"),
        "strings.xlsx": (
            with_part(STRINGS, "<sst>", "<si><t/></si>", 100_000, "</sst>", book()), ""
        ),
        "string.xlsx": (
            with_part(STRINGS, "<sst><si>", "<r><t>é</t></r>", 1_000_000, "</si></sst>", book()), "a text of more than"
        ),
        "shared.xlsx": (
            book(HEADER + f"<row>{twice}</row>" * 20, strings=f"<si><t>{'x' * 500_000}</t></si>" * 2),
            "record_too_long",
        ),
        "text.xlsx": (sheet_of("x" * 1000, 60_000, before=HEADER + '<row><c t="str"><v>'), "a tag or a text"),
        "tag.xlsx": (sheet_of("x" * 1000, 60_000, before=HEADER + '<row spans="'), "a tag or a text"),
        "deep.xlsx": (sheet_of("<a>", 1_000_000), "more than 100 elements within one another"),
        "names.xlsx": (book(HEADER + distinct(200_000)), "more than 10,000 names"),
        "corner.xlsx": (book(HEADER + far), "too_many_fields"),
        "claims.xlsx": (book(claims), ""),
        "columns.xlsx": (book(row(1, "code", "name").replace("</row>", "")
                              + "".join(f'<c r="{x}1" t="str"><v>{x}{n}</v></c>' for n, x in enumerate(letters[2:], 2))
                              + '<c r="XFD1" t="str"><v>last</v></c></row>'), "16,384 columns, more than the 2,000"),
        "laughs.xlsx": (book(more={SHEET: f"{LAUGHS}<worksheet>&b;</worksheet>"}), "XML has a DTD"),
        "row.xlsx": (book(HEADER + '<row r="99999999999999999999"><c><v>1</v></c></row>'), "null"),
        "column.xlsx": (book(HEADER + '<row><c r="ZZZZ2"><v>1</v></c></row>'), "has a cell .ZZZZ2"),
        "order.xlsx": (book(HEADER + row(9, "x", "y") + row(5, "x", "y")), "row 5 comes after row 9"),
        "format.xlsx": (book(HEADER, formats=("[" * 5_000_000,)), "a tag or a text"),
        "cut.xlsx": (book(more={SHEET: f"<worksheet><sheetData>{HEADER}"}), "no element found"),
        "everything.ods": (
            ods_book(table_row(everything, more='table:number-rows-repeated="1048575"')), "archive bombs"
        ),
        "blank.ods": (ods_book(table_row(blanks, more='table:number-rows-repeated="1048575"')), ""),
        "many.ods": (ods_book(table_row("a", "b", more='table:number-rows-repeated="99999999999"')), "repeated .999"),
        "wide.ods": (ods_book(table_row(everything, "x")), "more than 16,384 columns"),
        "spaces.ods": (ods_book(table_row('<text:s text:c="9999999"/>' * 100)), "|a text of more than"),
        "cell.ods": (ods_book(table_row("x" + '<text:s text:c="9999999"/>' * 100)), "a text of more than"),
        "paragraphs.ods": (ods_book(table_row("x" + "</text:p><text:p>" * 1_000_000)), "a text of more than"),
        "external.ods": (
            with_part("content.xml", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + content, "&e;", 1, ""),
            "XML has a DTD",
        ),
        "document.ods": (with_part("content.xml", content, f"<!--{'x' * 10_000}-->", 7_000, ""), "archive bombs"),
    }  # fmt: skip
