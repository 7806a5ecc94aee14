"""Exports rejected records as CSV, with their reasons."""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import Any, TextIO

from importer.conf import conf
from importer.ledger.pages import in_pages_of_bytes
from importer.models import DataImportJob, StagingRecord
from importer.records import CHANGED_AT, LINE, RAW, REASONS
from importer.rejects.cells import cell, defused, nulls_of
from importer.rejects.report import other_names, place_of

EXPORTED_AT_ONCE = 1_000


def export_rejects(
    job: DataImportJob, file: TextIO, *, most: int | None = None, versions: bool = False
) -> int:
    """Write the rejected records as CSV, and return their number.

    Columns: `_line`, `_reasons`, those of the source, `_raw`. Cells that a spreadsheet would take for a formula get an
    apostrophe in front, which `replay_rejects` removes.

    most      no more records than this
    versions  add the column `_changed_at`, by which a record is recognised that somebody has changed since
    """
    nulls, names = nulls_of(job), other_names(job)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header_of(job, versions=versions))
    records = 0
    for record in rejected_in_order(job, most):
        writer.writerow(row_of(job, record, nulls, names, versions=versions))
        records += 1
    return records


def header_of(job: DataImportJob, *, versions: bool) -> list[str]:
    own = [CHANGED_AT] if _has_versions(job, versions) else []
    return [LINE, REASONS, *own, *(defused(name) for name in job.columns or []), RAW]


def row_of(
    job: DataImportJob, record: StagingRecord, nulls: dict[str, str], names: dict[str, str], *, versions: bool
) -> list[str]:
    """Return the cells of a record, defused."""
    reasons = "; ".join(reason_of(error, names) for error in record.errors)
    own = [record.updated_at.isoformat()] if _has_versions(job, versions) else []
    cells = [cell(record, name, nulls) for name in (*(job.columns or []), RAW)]
    return [_line(job, record.line), defused(reasons), *own, *(defused(cell) for cell in cells)]


def _has_versions(job: DataImportJob, versions: bool) -> bool:
    """Whether the file has the column; a source from before it was reserved may use its name."""
    return versions and CHANGED_AT not in (job.columns or [])


def _line(job: DataImportJob, line: int) -> str:
    """Return what `take_over` finds the record by: its line, with its file if there are several."""
    return defused(job.place_of(line)) if job.parts else str(line)


def rejected_in_order(job: DataImportJob, most: int | None = None) -> Iterator[StagingRecord]:
    """Return the rejected records, or the first of them, in pages of bounded size."""
    first = StagingRecord.objects.filter(
        job=job, state__in=[StagingRecord.State.REJECTED, StagingRecord.State.FIXED]
    )
    if most is not None:
        lines = first.order_by("line").values_list("line", flat=True)[most - 1 : most]
        first = first.filter(line__lte=lines[0]) if lines else first
    pages = in_pages_of_bytes(first.order_by("line"), "raw", size=EXPORTED_AT_ONCE, most=conf.BATCH_MAX_BYTES)
    return chain.from_iterable(pages)


def reason_of(error: dict[str, Any], names: dict[str, str]) -> str:
    return f"{place_of(error['field'], names.get(error['field'], ''))}: {error['message']}"
