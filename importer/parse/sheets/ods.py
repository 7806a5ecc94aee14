"""Reads workbooks in OpenDocument (ISO/IEC 26300), the format of LibreOffice."""

import re
from collections.abc import Callable

from importer.parse.sheets.elements import LONGEST, Text
from importer.parse.sheets.package import Package
from importer.parse.sheets.rows import MOST_COLUMNS, MOST_DIGITS, NO_VALUE, Rows
from importer.parse.sheets.sheet import Sheet
from importer.parse.sheets.values import iso_duration_text, iso_text, number_text

CONTENT, MANIFEST = "content.xml", "META-INF/manifest.xml"
CELLS = ("table:table-cell", "table:covered-table-cell")
NUMBERS = ("float", "percentage", "currency")
# LibreOffice writes the booleans of an xlsx so.
BOOLEANS = {"of:=TRUE()": "True", "of:=FALSE()": "False"}
MOST_SHEETS = 10_000
# Excel and OpenOffice mark no error: its text stands beside a 0, or is the value of a formula.
ERROR = re.compile(r"#(?:N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|DIV/0!)|Err:5\d\d")


def refuse_encrypted(package: Package) -> None:
    def start(name: str, _: dict[str, str]) -> None:
        if name.endswith("encryption-data"):
            raise package.encrypted()

    if MANIFEST in package:
        package.read(MANIFEST, start)


def read_sheets(package: Package, choose: Callable[[Sheet], Rows | None]) -> list[Sheet]:
    """Read the workbook in one pass, and return its sheets. `choose` says of each where its rows go, if anywhere."""
    refuse_encrypted(package)
    document = _Document(package, choose)
    package.read(CONTENT, document.start, document.end, document.texts)
    return document.sheets


class _Document:
    """Takes the elements of a workbook, and hands the rows of the chosen sheets on."""

    def __init__(self, package: Package, choose: Callable[[Sheet], Rows | None]) -> None:
        self.package, self.choose = package, choose
        self.sheets: list[Sheet] = []
        self.hidden_styles: set[str] = set()
        self.style = ""
        self.rows: Rows | None = None
        self.open: list[str] = []
        self.texts: list[str] = []
        self.row, self.repeated, self.is_hidden = 0, 1, False
        self.cells: list[str] = []
        self.column = self.size = 0
        self.cell: dict[str, str] = {}
        self.text, self.paragraphs = Text(), 0
        self.in_paragraph = False
        self.foreign = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        parent = self.open[-1] if self.open else ""
        self.open.append(name)
        if parent in CELLS or self.foreign or self.in_paragraph:
            self._start_in_cell(name, parent, attributes)
        elif name in CELLS:
            self.cell = attributes
        elif name == "table:table-row":
            self.row += self.repeated
            self.repeated = self._count(attributes, "table:number-rows-repeated")
            self.is_hidden = attributes.get("table:visibility", "visible") != "visible"
            self.cells, self.column, self.size = [], 0, 0
        elif name == "table:table" and parent == "office:spreadsheet":
            self._start_sheet(attributes)
        elif name == "style:style":
            self.style = attributes.get("style:name", "")
        elif name == "style:table-properties" and attributes.get("table:display") == "false":
            self.package.remember(self.style)
            self.hidden_styles.add(self.style)
        self.texts.clear()

    def end(self, name: str) -> None:
        self.open.pop()
        parent = self.open[-1] if self.open else ""
        if self.foreign:
            self.foreign -= 1
        elif self.in_paragraph:
            self.text.add(self.texts)
            self.in_paragraph = parent not in CELLS
        elif name in CELLS:
            self._add_cell(is_covered=name != CELLS[0])
        elif name == "table:table-row" and self.rows:
            self._add_row(self.rows)
        elif name == "table:table" and parent == "office:spreadsheet":
            self.rows = None
        self.texts.clear()

    def _start_in_cell(self, name: str, parent: str, attributes: dict[str, str]) -> None:
        """Take the text of a cell's paragraphs; notes, drawings and all else in it are no text of it."""
        if self.foreign or not name.startswith("text:"):
            self.foreign += 1
        elif parent in CELLS:
            self.text.add(["\n"] * (self.paragraphs > 0))
            self.in_paragraph, self.paragraphs = True, self.paragraphs + 1
        else:
            self.text.add(self.texts)
            if name == "text:s":
                self.text.add([" " * min(self._count(attributes, "text:c"), LONGEST)])
            elif name in ("text:tab", "text:line-break"):
                self.text.add(["\t" if name == "text:tab" else "\n"])

    def _start_sheet(self, attributes: dict[str, str]) -> None:
        is_hidden = attributes.get("table:style-name", "") in self.hidden_styles
        sheet = Sheet(attributes.get("table:name", ""), is_hidden=is_hidden)
        if len(self.sheets) >= MOST_SHEETS:
            raise self.package.damaged(f"it has more than {MOST_SHEETS:,} sheets")
        self.package.remember(sheet.name)
        self.sheets.append(sheet)
        self.rows, self.row, self.repeated = self.choose(sheet), 0, 1

    def _add_row(self, rows: Rows) -> None:
        is_too_long = self.size > rows.longest
        if self.cells or is_too_long:
            rows.found.hidden += self.repeated * self.is_hidden
            rows.add(self.row, self.cells, repeated=self.repeated, size=self.size if is_too_long else 0)

    def _add_cell(self, *, is_covered: bool) -> None:
        shown, paragraphs, self.paragraphs = self.text.take(), self.paragraphs, 0
        if self.rows is None:
            return
        repeated = self._count(self.cell, "table:number-columns-repeated")
        text = "" if is_covered else self._text(self.rows, shown, is_shown=paragraphs > 0)
        if text:
            if self.column + repeated > MOST_COLUMNS:
                raise self.package.damaged(f"row {self.row:,} has more than {MOST_COLUMNS:,} columns")
            self.size += len(text) * repeated
            if self.size > self.rows.longest:
                self.cells = []
            else:
                self.cells += [*[""] * (self.column - len(self.cells)), *[text] * repeated]
            spans = (
                self.cell.get("table:number-columns-spanned", "1"),
                self.cell.get("table:number-rows-spanned", "1"),
            )
            self.rows.found.merged += spans != ("1", "1") and self.rows.found.header > 0
        self.column += repeated

    def _text(self, rows: Rows, shown: str, *, is_shown: bool) -> str:
        """Return the cell's text; empty if it has no value."""
        kind = self.cell.get("office:value-type", "")
        marked = self.cell.get("calcext:value-type")
        formula = self.cell.get("table:formula")
        if marked == "error" or (formula and not marked and ERROR.fullmatch(shown)):
            return NO_VALUE + shown
        if formula:
            rows.found.formulas += 1
            if not kind and not shown:
                return f"{NO_VALUE}={formula}"
            if formula in BOOLEANS:
                return BOOLEANS[formula]
        if kind in NUMBERS:
            return self._number(rows, self.cell.get("office:value", shown), shown)
        if kind == "date":
            return self._moment(rows, iso_text(self.cell.get("office:date-value", shown)))
        if kind == "time":
            return self._moment(rows, iso_duration_text(self.cell.get("office:time-value", shown)))
        if kind == "boolean":
            return self.cell.get("office:boolean-value", shown).title()
        return shown if is_shown else self.cell.get("office:string-value", "")

    def _number(self, rows: Rows, value: str, shown: str) -> str:
        text = number_text(value)
        if shown.isdigit() and shown.lstrip("0") == text:
            text = shown  # with leading zeros
        rows.found.long_numbers += len(text) > MOST_DIGITS and text.isdigit()
        notation = rows.found.notations.get(self.column)
        return notation.number(text) if notation else text

    def _moment(self, rows: Rows, text: str) -> str:
        notation = rows.found.notations.get(self.column)
        return notation.moment(text) if notation else text

    def _count(self, attributes: dict[str, str], name: str) -> int:
        count = attributes.get(name, "1")
        if not (count.isascii() and count.isdecimal() and len(count) < 8 and int(count)):
            raise self.package.damaged(f'row {self.row:,} is or has something repeated "{count[:20]}" times')
        return int(count)
