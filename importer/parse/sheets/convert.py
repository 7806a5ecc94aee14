"""Writes the sheet of a job's workbook into the spool, and says what a person should know about it."""

from dataclasses import asdict
from pathlib import Path
from typing import IO

from importer.budget import Deadline
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.parse.sheets import ods, xlsx
from importer.parse.sheets.columns import notations_of
from importer.parse.sheets.package import Cost, Package
from importer.parse.sheets.rows import Found, Rows
from importer.parse.sheets.sheet import Sheet, is_wanted, listed, named
from importer.sources.spool.folder import spool_folder
from importer.specs.dialect import Dialect

# By counter: what is said of one and of several.
SENTENCES = {
    "gaps": (
        "1 empty row between others (row {first_gap:,}) was passed over.",
        "{gaps:,} empty rows between others (the first is row {first_gap:,}) were passed over.",
    ),
    "hidden": (
        "1 hidden row of the sheet is read as well.",
        "{hidden:,} hidden rows of the sheet are read as well.",
    ),
    "merged": (
        "1 merged area below the header; only its first cell has the value.",
        "{merged:,} merged areas below the header; only the first cell of each has the value.",
    ),
    "long_numbers": (
        "1 number has more than 15 digits, of which programs keep 15; long identifiers must be texts.",
        "{long_numbers:,} numbers have more than 15 digits, of which programs keep 15; long identifiers must be texts.",
    ),
}
NOT_CALCULATED = (
    "The program that wrote the workbook has left its formulas to be calculated, so their values may be wrong; "
    "open it in a spreadsheet program and save it."
)


class Conversion:
    """Converts one workbook, in the shape that `spooled` calls."""

    def __init__(self, job: DataImportJob, dialect: Dialect, deadline: Deadline, notes: list[str]) -> None:
        self.job, self.dialect, self.deadline, self.notes = job, dialect, deadline, notes

    def __call__(self, plain: IO[bytes], packed: int, spool: IO[bytes]) -> None:
        """Write the sheet's rows. Raises SourceRefused, and BadZipFile for damage."""
        cost = Cost(Path(self.job.source).name, packed, self.deadline)
        package = Package(plain, cost)
        if self.job.format == DataImportJob.Format.ODS:
            self._convert_ods(package, spool)
        else:
            self._convert_xlsx(package, spool)

    def _rows(self, package: Package, spool: IO[bytes]) -> Rows:
        return Rows(spool, package.cost, self.dialect, notations_of(self.job, self.dialect.as_dict()))

    def _convert_xlsx(self, package: Package, spool: IO[bytes]) -> None:
        workbook = xlsx.open_workbook(package)
        wanted = named(workbook.sheets, self.job.sheet, package.name)
        strings = xlsx.read_strings(workbook, spool_folder())
        try:
            for sheet in wanted:
                rows = self._rows(package, spool)
                xlsx.read_sheet(workbook, sheet, strings, rows)
                if rows.found.rows:
                    self._note(
                        workbook.sheets, sheet, rows.found, is_calculated=not workbook.is_to_be_calculated
                    )
                    return
        finally:
            strings.close()
        raise _empty(package, workbook.sheets)

    def _convert_ods(self, package: Package, spool: IO[bytes]) -> None:
        tried: list[tuple[Sheet, Rows]] = []

        def choose(sheet: Sheet) -> Rows | None:
            if not is_wanted(sheet, self.job.sheet) or (tried and tried[-1][1].found.rows):
                return None
            tried.append((sheet, self._rows(package, spool)))
            return tried[-1][1]

        sheets = ods.read_sheets(package, choose)
        named(sheets, self.job.sheet, package.name)
        if not tried or not tried[-1][1].found.rows:
            raise _empty(package, sheets)
        self._note(sheets, tried[-1][0], tried[-1][1].found, is_calculated=True)

    def _note(self, sheets: list[Sheet], sheet: Sheet, found: Found, *, is_calculated: bool) -> None:
        if others := [other for other in sheets if other is not sheet]:
            self.notes.append(f"The sheet {sheet} is read; the workbook also has {listed(others)} (--sheet).")
        counts = asdict(found)
        self.notes += [
            several.format(**counts) if counts[name] > 1 else one.format(**counts)
            for name, (one, several) in SENTENCES.items()
            if counts[name]
        ]
        if found.formulas and not is_calculated:
            self.notes.append(NOT_CALCULATED)


def _empty(package: Package, sheets: list[Sheet]) -> SourceRefused:
    return SourceRefused(
        f'The workbook "{package.name}" has no value in a visible sheet; it has {listed(sheets)} (--sheet).'
    )
