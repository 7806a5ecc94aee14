"""Rejected records: out as CSV, mended, and in again as the same job."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from django.db import transaction
from django.utils import timezone

from importer import ledger
from importer.compile import compile_mapping
from importer.control import Control
from importer.exceptions import ImporterError, JobAlreadyRunning
from importer.models import DataImportJob, ImportChunk, StagingRecord
from importer.pipeline import Stages
from importer.records import RAW
from importer.registry import get_spec
from importer.report import make_report
from importer.results import FATES, Replayed
from importer.source import locate
from importer.staged import replay

LINE, REASONS = "_line", "_reasons"
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\0")
State = StagingRecord.State


class RejectsRefused(ImporterError):
    """The mended file does not belong to the job, or cannot be read."""


def export_rejects(job: DataImportJob, file: TextIO) -> int:
    """Write the rejected records, the number of which is returned.

    Columns: `_line`, `_reasons`, then those of the source. Cells that a spreadsheet would take for a formula begin
    with an apostrophe, which `replay_rejects` takes off again.
    """
    columns = job.columns or []
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([LINE, REASONS, *(_defused(name) for name in columns), RAW])
    records = 0
    for record in _rejected(job).order_by("line").iterator(chunk_size=1_000):
        reasons = "; ".join(_in_words(error) for error in record.errors)
        cells = [record.raw.get(name) for name in (*columns, RAW)]
        writer.writerow([record.line, _defused(reasons), *(_defused(cell or "") for cell in cells)])
        records += 1
    return records


def replay_rejects(job: DataImportJob, source: str | None = None) -> Replayed:
    """Put rejected records through the pipeline again; those that pass leave the rejected ones.

    With a mended CSV, the records it holds; without, the stored ones as they are (after the spec, a parent or a table
    was mended). A record that could not be taken apart is left as it is until somebody has changed it in the file.
    Raises RejectsRefused, JobAlreadyRunning.
    """
    if job.planned_at is None:
        raise RejectsRefused(f"Job {job.pk} has not been run yet, so nothing was rejected.")
    if not ledger.hold_job(job.pk):
        raise JobAlreadyRunning(f"Job {job.pk} is running just now; replay its rejected records afterwards.")
    try:
        states, left = [State.REJECTED, State.FIXED], 0
        if source is not None:
            records, left = _take_over(job, locate(source))
            ledger.log(job, "mended", source, records=records, left=left)
            states = [State.FIXED]
        mapping = compile_mapping(get_spec(job.spec), job.columns or [])
        counts = replay(Stages.of(job, mapping, settling=True), Control(), states=states)
        counts = replace(counts, left=counts.left + left)
        _update_job(job)
        ledger.log(job, "replayed", **{name: getattr(counts, name) for name in FATES})
    finally:
        ledger.let_job_go(job.pk)
    return counts


def _take_over(job: DataImportJob, path: Path) -> tuple[int, int]:
    """Put the mended values in the place of the stored ones; how many, and how many were left for want of a change."""
    now = timezone.now()
    mended, left = [], 0
    with path.open(encoding="utf-8-sig", newline="") as file, transaction.atomic(using=ledger.ledger_alias()):
        try:
            rows = list(_mended_rows(job, csv.DictReader(file, strict=True)))
        except (csv.Error, UnicodeDecodeError) as error:
            raise RejectsRefused(f'"{path.name}" cannot be read: {error}.') from None
        records = {
            record.line: record for record in _rejected(job).filter(line__in=[line for line, _ in rows])
        }
        for line, raw in rows:
            if line not in records:
                raise RejectsRefused(
                    f'"{path.name}" has line {line}, which is not among the rejected of job {job.pk}.'
                )
            record = records[line]
            if RAW in record.raw and _is_as_exported(record, raw):
                left += 1
                continue
            record.raw, record.state, record.updated_at = raw, State.FIXED, now
            mended.append(record)
        StagingRecord.objects.bulk_update(mended, ["raw", "state", "updated_at"], batch_size=500)
    return len(mended), left


def _is_as_exported(record: StagingRecord, raw: dict[str, Any]) -> bool:
    """Whether nobody has touched the record: a null has become an empty cell on its way through the file."""
    return all((record.raw.get(name) or "") == text for name, text in raw.items())


def _mended_rows(job: DataImportJob, reader: "csv.DictReader[str]") -> list[tuple[int, dict[str, Any]]]:
    columns = [_defused(name) for name in job.columns or []]
    missing = [name for name in (LINE, *columns) if name not in (reader.fieldnames or ())]
    if missing:
        raise RejectsRefused(
            f'The mended file has no column "{missing[0]}"; mend what `export_rejects {job.pk}` wrote.'
        )
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise RejectsRefused(
                f"The mended file has too few or too many fields at its line {reader.line_num}."
            )
        if not ((row[LINE] or "").isascii() and (row[LINE] or "").isdecimal()):
            raise RejectsRefused(
                f'The mended file has "{row[LINE]}" in {LINE}, at its line {reader.line_num}.'
            )
        raw = {name: _restored(row[_defused(name)] or "") for name in job.columns or []}
        rows.append((int(row[LINE]), raw))
    return rows


def _update_job(job: DataImportJob) -> None:
    """Keep the finished job's figures true."""
    counts = make_report(job).counts
    figures = {name: getattr(counts, name) for name in FATES}
    batches = sum(ImportChunk.objects.filter(job=job).values_list("batches", flat=True))
    DataImportJob.objects.filter(pk=job.pk).update(
        **figures, batches=batches, result=None if job.result is None else job.result | figures
    )


def _rejected(job: DataImportJob) -> Any:
    return StagingRecord.objects.filter(job=job, state__in=[State.REJECTED, State.FIXED])


def _in_words(error: dict[str, Any]) -> str:
    return f"{error['field'] or 'record'}: {error['message']}"


def _defused(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("'", *FORMULA_BEGINNINGS)) else cell


def _restored(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(("'", *FORMULA_BEGINNINGS)) else cell
