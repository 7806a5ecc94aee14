"""Reads the first rows of the sheets of a workbook, and chooses the sheet."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from importer.budget import Deadline
from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.parse.sheets import ods, xlsx
from importer.parse.sheets.package import Cost, Package
from importer.parse.sheets.rows import NO_VALUE, Rows
from importer.parse.sheets.sheet import Sheet, is_wanted, listed, named
from importer.sources.names import compression_of
from importer.sources.spool.folder import spool_folder
from importer.sources.spool.spool import faults_named
from importer.sources.spool.unpack import unpacked
from importer.specs.dialect import Dialect
from importer.suggest.guess import Alternative, Guess, given
from importer.suggest.names import words_of

MOST_ROWS, MOST_CELLS = 10_000, 1_000_000
# Sheets that are looked into, to choose one.
MOST_SHEETS = 8


class _Enough(Exception):
    """The sample has all rows that it needs."""


@dataclass(frozen=True, slots=True)
class SheetRows:
    """The first rows of a sheet: texts by row number, from 1. `is_whole`: there are no more."""

    sheet: Sheet
    rows: Sequence[tuple[int, list[str]]]
    is_whole: bool


class _FirstRows(Rows):
    """Keeps the first rows instead of writing them."""

    def __init__(self, cost: Cost) -> None:
        super().__init__(None, cost, Dialect(), lambda _: {})  # type: ignore[arg-type]  # nothing is written
        self.kept: list[tuple[int, list[str]]] = []
        self.cells = 0

    def add(self, number: int, cells: list[str], *, repeated: int = 1, size: int = 0) -> None:
        texts = [cell.lstrip(NO_VALUE) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            return
        for row in range(number, number + min(repeated, MOST_ROWS)):
            self.kept.append((row, texts))
            self.cells += len(texts)
            if len(self.kept) >= MOST_ROWS or self.cells >= MOST_CELLS:
                raise _Enough


def read_sheets(path: Path, name: str, file_format: str, deadline: Deadline, wanted: str) -> list[SheetRows]:
    """Return the first rows of the visible sheets that have any, or of the wanted one. Raises SourceRefused."""
    if compression_of(path):
        raise SourceRefused(f'The workbook "{name}" is within an archive; unpack it first.')
    with faults_named(name), unpacked(path, name=name, deadline=deadline, notes=[]) as (plain, packed):
        package = Package(plain, Cost(name, packed, deadline))
        read = _read_ods if file_format == DataImportJob.Format.ODS else _read_xlsx
        sheets, found = read(package, wanted)
    if not found:
        raise SourceRefused(
            f'The workbook "{name}" has no value in a visible sheet; it has {listed(sheets)} (--sheet).'
        )
    return found


def _read_xlsx(package: Package, wanted: str) -> tuple[list[Sheet], list[SheetRows]]:
    workbook = xlsx.open_workbook(package)
    sheets = named(workbook.sheets, wanted, package.name)
    strings = xlsx.read_strings(workbook, spool_folder())
    found = []
    try:
        for sheet in sheets[:MOST_SHEETS]:
            rows, is_whole = _FirstRows(package.cost), True
            try:
                xlsx.read_sheet(workbook, sheet, strings, rows)
            except _Enough:
                is_whole = False
            if rows.kept:
                found.append(SheetRows(sheet, rows.kept, is_whole))
    finally:
        strings.close()
    return workbook.sheets, found


def _read_ods(package: Package, wanted: str) -> tuple[list[Sheet], list[SheetRows]]:
    chosen: list[tuple[Sheet, _FirstRows]] = []

    def choose(sheet: Sheet) -> Rows | None:
        if not is_wanted(sheet, wanted) or len(chosen) >= MOST_SHEETS:
            return None
        chosen.append((sheet, _FirstRows(package.cost)))
        return chosen[-1][1]

    is_whole = True
    try:
        sheets = ods.read_sheets(package, choose)
        named(sheets, wanted, package.name)
    except _Enough:  # the sheets behind this one are not looked into
        sheets, is_whole = [sheet for sheet, _ in chosen], False
    found = [
        SheetRows(sheet, rows.kept, is_whole or (sheet, rows) != chosen[-1])
        for sheet, rows in chosen
        if rows.kept
    ]
    return sheets, found


def choose_sheet(
    found: Sequence[SheetRows], wanted: str, known: Collection[str]
) -> tuple[SheetRows, Guess[str]]:
    """Choose the sheet whose first rows name the most fields; in doubt the first one, as a job does."""
    if wanted:
        return found[0], given(found[0].sheet.name)
    if len(found) == 1:
        return found[0], Guess(found[0].sheet.name, "sure", "it is the only visible sheet with values")
    spelled = {words_of(name) for name in known}
    scores = [max(_named_fields(row, spelled) for _, row in each.rows[:20]) for each in found]
    best = max(range(len(found)), key=lambda number: (scores[number], -number))
    is_clear = scores[best] > 1 and sorted(scores)[-2] * 2 < scores[best]
    others = tuple(
        Alternative(each.sheet.name, f"a sheet with {len(each.rows):,} rows")
        for each in found
        if each is not found[best]
    )
    what = f"it names {scores[best]} fields" if scores[best] else "it is the first one with values"
    confidence: Guess[str] = Guess(
        found[best].sheet.name,
        "likely" if is_clear else "doubtful",
        f"of {len(found)} sheets, {what}",
        others,
    )
    return found[best], confidence


def _named_fields(row: Sequence[str], spelled: set[tuple[str, ...]]) -> int:
    return sum(bool(cell) and words_of(cell) in spelled for cell in row[: conf.MAX_COLUMNS])
