"""Reads workbooks in Office Open XML (ECMA-376), the format of Excel since 2007."""

import re
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath

from importer.parse.sheets.elements import Text
from importer.parse.sheets.package import Package
from importer.parse.sheets.regular_rows import RegularRows
from importer.parse.sheets.rows import MOST_COLUMNS, MOST_DIGITS, NO_VALUE, Rows
from importer.parse.sheets.sheet import Sheet
from importer.parse.sheets.strings import SharedStrings
from importer.parse.sheets.values import (
    BUILT_IN,
    ZEROS,
    formatted_number,
    iso_text,
    kind_of_format,
    number_text,
)

DIGITS = "0123456789"
# Excel writes a character that XML cannot contain by its number.
ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
# Excel allows 65,490 formats of cells, and memory some thousand sheets.
MOST_FORMATS, MOST_PARTS = 70_000, 10_000
AREA_ROW = re.compile(r"[A-Z]+(\d+)$")


@dataclass(slots=True)
class Workbook:
    """What the parts of a workbook say about its sheets."""

    package: Package
    sheets: list[Sheet]
    kinds: list[str]
    strings: str
    since_1904: bool
    is_to_be_calculated: bool


def open_workbook(package: Package) -> Workbook:
    """Read everything but the sheets and their texts. Raises SourceRefused."""
    main = _target(package, "", "/officeDocument") or "xl/workbook.xml"
    if main.endswith(".bin"):
        raise package.damaged("it is in the binary format (.xlsb)")
    targets = _relations(package, main)
    sheets: list[Sheet] = []
    flags: dict[str, str] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        name = _local(name)
        if name == "sheet" and len(sheets) < MOST_PARTS:
            relation = next((v for k, v in attributes.items() if _local(k) == "id"), "")
            kind, path = targets.get(relation, ("", ""))
            if kind.endswith("/worksheet"):
                sheets.append(Sheet(attributes.get("name", ""), path, "state" in attributes
                                    and attributes["state"] != "visible"))  # fmt: skip
        elif name in ("workbookPr", "calcPr"):
            flags.update(attributes)

    package.read(main, start)
    parts = {kind.rpartition("/")[2]: path for kind, path in targets.values()}
    return Workbook(
        package=package,
        sheets=sheets,
        kinds=_kinds(package, parts.get("styles", "")),
        strings=parts.get("sharedStrings", ""),
        since_1904=flags.get("date1904") in ("1", "true"),
        is_to_be_calculated=flags.get("fullCalcOnLoad") in ("1", "true"),
    )


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """Return the types and paths of the parts that a part refers to, by their ids."""
    found: dict[str, tuple[str, str]] = {}
    folder, name = dirname(part), part.rpartition("/")[2]

    def start(element: str, attributes: dict[str, str]) -> None:
        if _local(element) == "Relationship" and len(found) < MOST_PARTS:
            target = attributes.get("Target", "")
            path = target if target.startswith("/") else join(folder, target)
            found[attributes.get("Id", "")] = (attributes.get("Type", ""), normpath(path).lstrip("/"))

    relations = join(folder, "_rels", f"{name}.rels")
    if relations in package:
        package.read(relations, start)
    return found


def _target(package: Package, part: str, kind: str) -> str:
    return next((path for type_, path in _relations(package, part).values() if type_.endswith(kind)), "")


def _kinds(package: Package, path: str) -> list[str]:
    """Return the kind of number of each cell format."""
    numbers: list[str] = []
    codes: dict[str, str] = {}
    inside = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        name = _local(name)
        if name in ("cellXfs", "cellStyleXfs"):
            inside = name == "cellXfs"
        elif name == "numFmt" and len(codes) < MOST_FORMATS:
            codes[attributes.get("numFmtId", "")] = kind_of_format(attributes.get("formatCode", ""))
        elif name == "xf" and inside and len(numbers) < MOST_FORMATS:
            numbers.append(attributes.get("numFmtId", "0"))

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and _local(name) != "cellXfs"

    if path in package:
        package.read(path, start, end)
    built_in = {str(number): kind for number, kind in BUILT_IN.items()}
    return [codes.get(number, built_in.get(number, "")) for number in numbers]


def read_strings(workbook: Workbook, folder: Path) -> SharedStrings:
    strings, text = SharedStrings(workbook.package.name, folder), Text()
    texts: list[str] = []
    is_phonetic = False

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal is_phonetic
        name = _local(name)
        texts.clear()
        is_phonetic = is_phonetic or name == "rPh"

    def end(name: str) -> None:
        nonlocal is_phonetic
        name = _local(name)
        if name == "t" and not is_phonetic:
            text.add(texts)
        elif name == "rPh":
            is_phonetic = False
        elif name == "si":
            strings.add(unescaped(text.take()))
        texts.clear()

    if workbook.strings in workbook.package:
        workbook.package.read(workbook.strings, start, end, texts)
    strings.flush()
    return strings


def read_sheet(workbook: Workbook, sheet: Sheet, strings: SharedStrings, rows: Rows) -> None:
    cells = _Cells(workbook, strings, rows)
    package = workbook.package
    package.read(
        sheet.path,
        cells.start,
        cells.end,
        cells.texts,
        without=lambda stream: RegularRows(stream, package.cost, cells.take_row),
    )


class _Cells:
    """Takes the elements of a sheet, and hands its rows on. Every method of it runs once per cell."""

    def __init__(self, workbook: Workbook, strings: SharedStrings, rows: Rows) -> None:
        self.name, self.package = workbook.package.name, workbook.package
        self.kinds, self.since_1904 = workbook.kinds, workbook.since_1904
        self.strings, self.rows, self.found = strings, rows, rows.found
        self.texts: list[str] = []
        self.row, self.cells, self.size = 0, [""][:0], 0
        self.column, self.type, self.style = -1, "", ""
        self.value: str | None = None
        self.formula: str | None = None
        self.inline = Text()
        self.is_phonetic = False
        self.columns: dict[str, int] = {}
        self.prefix = ""

    def take_row(self, number: int, cells: list[tuple[str, str, str, str]]) -> None:
        """Take a regular row."""
        self.row, self.cells, self.size, self.formula = number, [], 0, None
        columns = self.columns
        for letters, self.style, self.type, value in cells:
            if value:
                column = columns.get(letters)
                self.column = self._column(letters) if column is None else column
                self.value = value
                self._add_cell()
        self._end_row()

    def _end_row(self) -> None:
        self.rows.add(self.row, self.cells, size=self.size if self.size > self.rows.longest else 0)
        self.cells, self.size = [], 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.texts.clear()
        if self.prefix:
            name = name.removeprefix(self.prefix)
        if name == "c":
            reference = attributes.get("r")
            self.column = self.column + 1 if reference is None else self._column(reference)
            self.type, self.style = attributes.get("t", ""), attributes.get("s", "")
            self.value = self.formula = None
        elif name == "row":
            number = attributes.get("r", "")
            self.row = int(number) if number.isdecimal() and len(number) < 10 else self.row + 1
            self.cells, self.size, self.column = [], 0, -1
            self.found.hidden += attributes.get("hidden") in ("1", "true")
        elif name == "rPh":
            self.is_phonetic = True
        elif name == "mergeCell":
            self._count_merged(attributes.get("ref", ""))
        elif name.endswith("worksheet"):
            self.prefix = name.removesuffix("worksheet")

    def end(self, name: str) -> None:
        if self.prefix:
            name = name.removeprefix(self.prefix)
        if name == "v":
            self.value = "".join(self.texts)
        elif name == "c":
            self._add_cell()
        elif name == "row":
            self._end_row()
        elif name == "f":
            self.formula = "".join(self.texts)
            self.found.formulas += 1
        elif name == "t" and not self.is_phonetic:
            self.inline.add(self.texts)
        elif name == "rPh":
            self.is_phonetic = False
        elif name == "is":
            self.value = unescaped(self.inline.take())
        self.texts.clear()

    def _add_cell(self) -> None:
        if self.column >= MOST_COLUMNS:
            raise self.package.damaged(f"row {self.row:,} has more than {MOST_COLUMNS:,} columns")
        text = self._text()
        if not text:
            return
        self.size += len(text)
        if self.size > self.rows.longest:
            self.cells = []
            return
        missing = self.column - len(self.cells)
        if missing == 0:
            self.cells.append(text)
        elif missing > 0:
            self.cells += [*[""] * missing, text]
        else:
            self.cells[self.column] = text

    def _text(self) -> str:
        """Return the cell's text; empty if it has no value."""
        value, kind = self.value, self.type
        if kind == "s":
            return self._shared(value or "")
        if not value:
            is_lost = self.formula is not None and (value is None or kind not in ("str", "inlineStr"))
            return f"{NO_VALUE}={self.formula}" if is_lost else ""
        if kind in ("", "n"):
            return self._number(value)
        if kind == "b":
            return {"0": "False", "1": "True"}.get(value, value)
        if kind == "e":
            return NO_VALUE + value
        if kind == "d":
            return self._moment(iso_text(value))
        return unescaped(value) if kind == "str" else value

    def _shared(self, value: str) -> str:
        try:
            return self.strings[int(value)]
        except (ValueError, IndexError, OverflowError):
            raise self.package.damaged(
                f'row {self.row:,} has the text "{value[:20]}", which is not there'
            ) from None

    def _number(self, value: str) -> str:
        try:
            kind = self.kinds[int(self.style)] if self.style else ""
        except (ValueError, IndexError):
            kind = ""
        if not kind or kind.startswith(ZEROS):
            text = formatted_number(value, kind, since_1904=False) if kind else number_text(value)
            self.found.long_numbers += len(text) > MOST_DIGITS and text.isdigit()
            notation = self.found.notations.get(self.column) if self.found.notations else None
            return notation.number(text) if notation else text
        return self._moment(formatted_number(value, kind, since_1904=self.since_1904))

    def _moment(self, text: str) -> str:
        notation = self.found.notations.get(self.column) if self.found.notations else None
        return notation.moment(text) if notation else text

    def _column(self, reference: str) -> int:
        letters = reference.rstrip(DIGITS)
        column = self.columns.get(letters)
        if column is None:
            column = self.columns[letters] = _number_of(letters)
            if not 0 <= column < MOST_COLUMNS:
                raise self.package.damaged(f'row {self.row:,} has a cell "{reference[:20]}"')
        return column

    def _count_merged(self, area: str) -> None:
        last = AREA_ROW.search(area[-20:])
        self.found.merged += last is not None and int(last[1][:10]) > self.found.header


def _number_of(letters: str) -> int:
    """Return the number, from 0, of a column named by letters; -1 if there is no such column."""
    number = 0
    for letter in letters if len(letters) <= 3 else "":
        if not "A" <= letter <= "Z":
            return -1
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def unescaped(text: str) -> str:
    return ESCAPE.sub(_character, text) if "_x" in text else text


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    # NO_VALUE is ours, and half of a pair is no character.
    return match[0] if 0xD800 <= number <= 0xDFFF or number >= 0xFFFE else chr(number)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
