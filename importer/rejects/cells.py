"""Writes stored values as cells of a CSV file that a spreadsheet does not run, and reads them back."""

from importer.models import DataImportJob, StagingRecord
from importer.records import RAW
from importer.specs.columns import SourceColumns
from importer.specs.registry import get_spec

# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\0")


def cell(record: StagingRecord, name: str, nulls: dict[str, str]) -> str:
    """Return a stored value as the file shows it."""
    text = record.raw.get(name)
    return nulls.get(name, "") if text is None and RAW not in record.raw else text or ""


def nulls_of(job: DataImportJob) -> dict[str, str]:
    """Return, by column, the text that means null where the empty text does not."""
    values = SourceColumns.of(get_spec(job.spec), job.columns or []).null_values()
    return {name: min(texts) for name, texts in values.items() if texts and "" not in texts}


def defused(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("'", *FORMULA_BEGINNINGS)) else cell


def restored(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(("'", *FORMULA_BEGINNINGS)) else cell
