"""Writes rejected records as a workbook with the reasons as comments, and reads it back as CSV."""

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from importer.budget import Deadline
from importer.exceptions import SourceRefused
from importer.models import DataImportJob, StagingRecord
from importer.parse.sheets.package import Cost, Package
from importer.parse.sheets.rows import MOST_COLUMNS, NO_VALUE, Rows
from importer.parse.sheets.sheet import named
from importer.parse.sheets.xlsx import open_workbook, read_sheet, read_strings
from importer.rejects.cells import nulls_of
from importer.rejects.export import header_of, rejected_in_order, row_of
from importer.rejects.reading import Reading
from importer.rejects.refused import RejectsRefused
from importer.rejects.report import other_names
from importer.sources.magic import COMPOUND, ZIP
from importer.sources.spool.folder import spool_folder
from importer.sources.spool.spool import faults_named
from importer.specs.dialect import Dialect

# Characters of a cell that Excel takes, and of a comment that people read.
CELL_CHARACTERS, COMMENT_CHARACTERS = 32_767, 500
WIDE, NARROW = 40, 16
# XML has no such characters, so a cell with one would be lost.
NOT_IN_XML = frozenset("\ufffe\uffff")


@dataclass(frozen=True, slots=True)
class Written:
    """Numbers of records. `left_out`: they have a cell that no workbook can hold, and are in the CSV alone."""

    records: int
    left_out: int


def write_workbook(job: DataImportJob, file: IO[bytes], *, most: int) -> Written:
    """Write the first rejected records. Raises RejectsRefused for a source with too many columns.

    Columns as in `export_rejects` with `_changed_at`. All cells are texts, and no text is a formula.
    """
    import xlsxwriter  # the site's other processes do without it

    header = header_of(job, versions=True)
    if len(header) > MOST_COLUMNS:
        raise RejectsRefused(f"A workbook has at most {MOST_COLUMNS:,} columns; download the CSV.")
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False, "tmpdir": str(spool_folder())}  # fmt: skip
    with xlsxwriter.Workbook(file, options) as workbook:
        return _write_sheet(job, workbook, header, most)


def _write_sheet(job: DataImportJob, workbook: Any, header: list[str], most: int) -> Written:
    sheet = workbook.add_worksheet("Rejected")
    text, bold = (
        workbook.add_format({"num_format": "@"}),
        workbook.add_format({"num_format": "@", "bold": True}),
    )
    bad = workbook.add_format({"num_format": "@", "bg_color": "#FDE2E0"})
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, len(header) - 1, NARROW, text)
    sheet.set_column(1, 1, WIDE, text)
    for column, name in enumerate(header):
        sheet.write_string(0, column, name, bold)
    nulls, names, reading = nulls_of(job), other_names(job), Reading.of(job)
    places = {name: len(header) - 1 - len(job.columns or []) + n for n, name in enumerate(job.columns or [])}
    number = left_out = 0
    for record in rejected_in_order(job, most):
        row = row_of(job, record, nulls, names, versions=True)
        if any(len(cell) > CELL_CHARACTERS or NOT_IN_XML & set(cell) for cell in row):
            left_out += 1
            continue
        number += 1
        comments = _comments(record, reading, places)
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell, bad if column in comments else text)
        for column, comment in comments.items():
            sheet.write_comment(number, column, comment[:COMMENT_CHARACTERS], {"author": ""})
    return Written(number, left_out)


def _comments(record: StagingRecord, reading: Reading, places: dict[str, int]) -> dict[int, str]:
    """Return the reasons, by the number of the column that they are about."""
    comments: dict[int, str] = {}
    for error in record.errors:
        for name in reading.columns_of(error["field"]):
            if (place := places.get(name)) is not None:
                comments[place] = "\n".join(filter(None, (comments.get(place), error["message"])))
    return comments


@contextmanager
def as_csv(path: Path, most: int | None) -> Iterator[Path]:
    """Yield the path of the file as CSV: the file itself, unless it is a workbook. Raises RejectsRefused.

    most  no more records of a workbook than this
    """
    with path.open("rb") as file:
        beginning = file.read(len(COMPOUND))
    if beginning.startswith(COMPOUND):
        raise RejectsRefused(
            f'"{path.name}" is an old or encrypted workbook; save it as .xlsx without a password, or as CSV (UTF-8).'
        )
    if not beginning.startswith(ZIP):
        yield path
        return
    with tempfile.NamedTemporaryFile("w", dir=spool_folder(), encoding="utf-8", newline="") as plain:
        try:
            _convert(path, plain, most)
        except SourceRefused as refusal:
            raise RejectsRefused(str(refusal)) from None
        plain.flush()
        yield Path(plain.name)


def too_many(name: str, most: int) -> RejectsRefused:
    return RejectsRefused(
        f'"{name}" has more than {most:,} records; send them in parts, or use replay_rejects.'
    )


def _convert(path: Path, plain: Any, most: int | None) -> None:
    """Write the first visible sheet with values as CSV, within the budget of a source. Raises SourceRefused."""
    packed = path.stat().st_size
    with faults_named(path.name), path.open("rb") as file:
        package = Package(file, Cost(path.name, packed, Deadline(path.name)))
        workbook = open_workbook(package)
        strings = read_strings(workbook, spool_folder())
        try:
            for sheet in named(workbook.sheets, "", package.name):
                rows = _AsCsv(package.cost, plain, most)
                read_sheet(workbook, sheet, strings, rows)
                if rows.width:
                    return
        finally:
            strings.close()
    raise SourceRefused(f'The workbook "{path.name}" has no value in a visible sheet.')


class _AsCsv(Rows):
    """Writes the rows of a sheet as CSV. The first one has the names; empty cells at a row's end are filled up."""

    def __init__(self, cost: Cost, plain: Any, most: int | None) -> None:
        super().__init__(plain, cost, Dialect(), lambda _: {})
        self.writer = csv.writer(plain)
        self.most = most
        self.width = self.records = 0

    def add(self, number: int, cells: list[str], *, repeated: int = 1, size: int = 0) -> None:
        if size:
            raise SourceRefused(
                f'The workbook "{self.cost.name}" has a row of {size:,} characters, row {number:,}.'
            )
        if fault := next((cell for cell in cells if cell.startswith(NO_VALUE)), None):
            raise SourceRefused(
                f'The workbook "{self.cost.name}" has "{fault.lstrip(NO_VALUE)[:40]}" in row {number:,}, which has no '
                f"value; write one."
            )
        if not any(cells):
            return
        self.records += self.width > 0
        if self.most is not None and self.records > self.most:
            raise too_many(self.cost.name, self.most)
        self.width = self.width or len(cells)
        filled = [*cells, *[""] * (self.width - len(cells))]
        self.cost.wrote(sum(map(len, filled)) + len(filled))
        self.writer.writerow(filled)
