"""Exports rejected records as CSV, with their reasons."""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import Any, TextIO

from importer.conf import conf
from importer.ledger.pages import in_pages_of_bytes
from importer.models import DataImportJob, StagingRecord
from importer.records import LINE, RAW, REASONS
from importer.rejects.cells import cell, defused, nulls_of
from importer.rejects.report import other_names, place_of

EXPORTED_AT_ONCE = 1_000


def export_rejects(job: DataImportJob, file: TextIO) -> int:
    """Write the rejected records as CSV, and return their number.

    Columns: `_line`, `_reasons`, those of the source, `_raw`. Cells that a spreadsheet would take for a formula get an
    apostrophe in front, which `replay_rejects` removes.
    """
    columns, nulls, names = job.columns or [], nulls_of(job), other_names(job)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([LINE, REASONS, *(defused(name) for name in columns), RAW])
    records = 0
    for record in _in_order(job):
        reasons = "; ".join(_reason(error, names) for error in record.errors)
        cells = [cell(record, name, nulls) for name in (*columns, RAW)]
        writer.writerow([_line(job, record.line), defused(reasons), *(defused(cell) for cell in cells)])
        records += 1
    return records


def _line(job: DataImportJob, line: int) -> str:
    """Return what `take_over` finds the record by: its line, with its file if there are several."""
    return defused(job.place_of(line)) if job.parts else str(line)


def _in_order(job: DataImportJob) -> Iterator[StagingRecord]:
    pages = in_pages_of_bytes(
        _rejected(job).order_by("line"), "raw", size=EXPORTED_AT_ONCE, most=conf.BATCH_MAX_BYTES
    )
    return chain.from_iterable(pages)


def _rejected(job: DataImportJob) -> Any:
    return StagingRecord.objects.filter(
        job=job, state__in=[StagingRecord.State.REJECTED, StagingRecord.State.FIXED]
    )


def _reason(error: dict[str, Any], names: dict[str, str]) -> str:
    return f"{place_of(error['field'], names.get(error['field'], ''))}: {error['message']}"
