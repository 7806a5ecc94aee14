"""Writes rows as lines of text: row 7 of the sheet is line 7, and what is special in a text is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

from importer.conf import conf
from importer.parse.sheets.columns import CellNotation, Notations
from importer.parse.sheets.package import Cost, damaged
from importer.specs.dialect import Dialect

# How the lines are written: as COPY writes text.
LINES = {
    "delimiter": "\t",
    "quote": None,
    "escape": "\\",
    "trailing_delimiter": False,
    "blank_after_delimiter": False,
}
# Before the text of a cell that has no value: an error, or a formula that nobody has calculated. XML cannot contain it.
NO_VALUE = "\uffff"
# Before the size of a row that is too long, in its first cell.
TOO_LONG = NO_VALUE * 2
# The size of the largest sheet in Excel and LibreOffice.
MOST_ROWS, MOST_COLUMNS = 1 << 20, 1 << 14
# Digits of a number that these programs keep.
MOST_DIGITS = 15
SPECIAL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Found:
    """What a person should know about a sheet's rows.

    gaps    empty rows between others, and the first one's number
    merged  merged areas below the header
    """

    rows: int = 0
    header: int = 0
    gaps: int = 0
    first_gap: int = 0
    hidden: int = 0
    merged: int = 0
    formulas: int = 0
    long_numbers: int = 0
    notations: dict[int, CellNotation] = field(default_factory=dict)


class Rows:
    """Takes the rows of one sheet in order. What stands above the header is written as it is."""

    def __init__(self, file: IO[bytes], cost: Cost, dialect: Dialect, notations: Notations) -> None:
        self.file, self.cost, self.dialect = file, cost, dialect
        self.found = Found()
        self.last = 0
        self.longest = conf.MAX_RECORD_BYTES
        self._notations = notations
        self._width = len(dialect.columns)
        if not dialect.header:
            self.found.notations = notations(dialect.columns)

    def add(self, number: int, cells: list[str], *, repeated: int = 1, size: int = 0) -> None:
        """Write a row. `cells` may end with empty ones; `size` are its bytes if the row is too long for its cells."""
        if number <= self.last:
            raise damaged(self.cost.name, f"row {number:,} comes after row {self.last:,}")
        if number + repeated - 1 > MOST_ROWS or len(cells) > MOST_COLUMNS:
            raise damaged(self.cost.name, f"it has more than {MOST_ROWS:,} rows or {MOST_COLUMNS:,} columns")
        while cells and not cells[-1]:
            cells.pop()
        if not cells and not size:
            return
        data = self._line(number, cells, size).encode("utf-8", "replace")
        self._pass_over(number - 1)
        for _ in range(repeated):
            self.file.write(data)
            self.cost.wrote(len(data))
        self.last = number + repeated - 1
        self.found.rows += repeated

    def _line(self, number: int, cells: list[str], size: int) -> str:
        is_record = self._width > 0 and number > self.dialect.skip_lines
        if size:
            cells = [f"{TOO_LONG}{size}"]
        elif not is_record:
            cells = [cell.lstrip(NO_VALUE) for cell in cells]
        if is_record and len(cells) < self._width:
            cells = [*cells, *[""] * (self._width - len(cells))]
        line = "\t".join(cells)
        if "\\" in line or "\n" in line or "\r" in line or line.count("\t") >= len(cells):
            line = "\t".join([cell.translate(SPECIAL) for cell in cells])
        if not is_record and number > self.dialect.skip_lines and not self._is_comment(line):
            self._begin(number, cells)
        return f"{line}\n"

    def _begin(self, number: int, header: Sequence[str]) -> None:
        names = [name.strip() or f"_column{column}" for column, name in enumerate(header, 1)]
        self._width, self.found.header = len(header), number
        self.found.notations.update(self._notations(names))

    def _is_comment(self, line: str) -> bool:
        return bool(self.dialect.comment) and line.startswith(self.dialect.comment or "")

    def _pass_over(self, last: int) -> None:
        """Write the empty rows up to one before another."""
        if empty := last - self.last:
            if self.found.rows and self._width and self.last > self.found.header:
                self.found.gaps += empty
                self.found.first_gap = self.found.first_gap or self.last + 1
            self.file.write(b"\n" * empty)
            self.cost.wrote(empty)
