"""Rejected records: out as CSV, mended, and in again as the same job."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from django.db import transaction
from django.utils import timezone

from importer import ledger
from importer.conf import conf
from importer.exceptions import ImporterError, JobAlreadyRunning
from importer.ledger.pages import in_pages_of_bytes
from importer.models import DataImportJob, StagingRecord
from importer.records import LINE, RAW, REASONS
from importer.run.results import Replayed
from importer.sources.local import locate
from importer.specs.compile import compile_mapping
from importer.specs.registry import get_spec
from importer.work.control import Control, stopping_on_signals
from importer.work.pipeline import Stages
from importer.work.settle import replay

# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\0")
State = StagingRecord.State
EXPORTED_AT_ONCE = 1_000


class RejectsRefused(ImporterError):
    """The mended file does not belong to the job, or cannot be read."""


def export_rejects(job: DataImportJob, file: TextIO) -> int:
    """Write the rejected records, the number of which is returned.

    Columns: `_line`, `_reasons`, then those of the source. Cells that a spreadsheet would take for a formula begin
    with an apostrophe, which `replay_rejects` takes off again.
    """
    columns, nulls = job.columns or [], _nulls(job)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([LINE, REASONS, *(_defused(name) for name in columns), RAW])
    records = 0
    for record in _in_order(job):
        reasons = "; ".join(_in_words(error) for error in record.errors)
        cells = [_cell(record, name, nulls) for name in (*columns, RAW)]
        writer.writerow([record.line, _defused(reasons), *(_defused(cell) for cell in cells)])
        records += 1
    return records


def replay_rejects(job: DataImportJob, source: str | None = None) -> Replayed:
    """Put rejected records through the pipeline again; those that pass leave the rejected ones.

    With a mended CSV, the records it holds; without, the stored ones as they are (after the spec, a parent or a table
    was mended). A record that could not be taken apart is left as it is until somebody has changed it in the file.
    Ctrl-C and SIGTERM stop it after the batch in hand. Raises RejectsRefused, JobAlreadyRunning.
    """
    conf.verify()
    if job.planned_at is None:
        raise RejectsRefused(f"Job {job.pk} has not been run yet, so nothing was rejected.")
    if not ledger.hold_job(job.pk):
        raise JobAlreadyRunning(f"Job {job.pk} is running just now; replay its rejected records afterwards.")
    control = Control()
    try:
        with stopping_on_signals(control):
            taken = _Taken()
            if source is not None:
                taken = _take_over(job, locate(source))
                ledger.log(job, "mended", source, **asdict(taken))
            states = [State.REJECTED, State.FIXED] if source is None else [State.FIXED]
            mapping = compile_mapping(get_spec(job.spec), job.columns or [])
            counts = replay(Stages.of(job, mapping, settling=True), control, states=states)
            counts = replace(counts, left=counts.left + taken.left, passed_over=taken.passed_over)
            ledger.log(job, "replayed", **asdict(counts))
    finally:
        ledger.let_job_go(job.pk)
    return counts


@dataclass(slots=True)
class _Taken:
    """Records of a mended file: taken over, left for want of a change, passed over as they are replayed already."""

    mended: int = 0
    left: int = 0
    passed_over: int = 0


def _take_over(job: DataImportJob, path: Path) -> _Taken:
    """Put the mended values in the place of the stored ones."""
    now, nulls = timezone.now(), _nulls(job)
    taken = _Taken()
    mended = []
    with path.open(encoding="utf-8-sig", newline="") as file, transaction.atomic(using=ledger.ledger_alias()):
        # The module's limit is 128 kB for a field. Escapes make four characters of one, and quotes two.
        csv.field_size_limit(max(csv.field_size_limit(), 4 * conf.MAX_RECORD_BYTES))
        try:
            rows = list(_mended_rows(job, csv.DictReader(file, strict=True)))
        except (csv.Error, UnicodeDecodeError) as error:
            raise RejectsRefused(f'"{path.name}" cannot be read: {error}.') from None
        lines = [line for line, _ in rows]
        records = {record.line: record for record in _set_aside(job).filter(line__in=lines)}
        for line, texts in rows:
            record = records.get(line)
            if record is None:
                raise RejectsRefused(
                    f'"{path.name}" has line {line}, which is not among the rejected of job {job.pk}.'
                )
            if record.state == State.DISCARDED:
                raise RejectsRefused(
                    f'"{path.name}" has line {line}, which was erased since it named a person; take it out of the file.'
                )
            if record.state == State.REPLAYED:
                taken.passed_over += 1
                continue
            raw = _changed(record, texts, nulls)
            if RAW in raw:
                taken.left += 1
                continue
            record.raw, record.state, record.updated_at = raw, State.FIXED, now
            mended.append(record)
        StagingRecord.objects.bulk_update(mended, ["raw", "state", "updated_at"], batch_size=500)
    taken.mended = len(mended)
    return taken


def _changed(record: StagingRecord, texts: dict[str, str], nulls: dict[str, str]) -> dict[str, Any]:
    """The record with what was changed in the file; what was not is as it was stored, a null a null.

    Keeps the mark of a record that could not be taken apart, until anything was changed.
    """
    same = {name for name, text in texts.items() if text == _cell(record, name, nulls)}
    if len(same) == len(texts):
        return dict(record.raw)
    is_whole = RAW not in record.raw
    return {name: record.raw.get(name) if is_whole and name in same else text for name, text in texts.items()}


def _cell(record: StagingRecord, name: str, nulls: dict[str, str]) -> str:
    """A stored value as the file shows it."""
    text = record.raw.get(name)
    return nulls.get(name, "") if text is None and RAW not in record.raw else text or ""


def _nulls(job: DataImportJob) -> dict[str, str]:
    """By column, the text that stands for null where an empty one does not."""
    spec = get_spec(job.spec)
    values = {name: spec.null_values_of(name) for name in job.columns or []}
    return {name: min(texts) for name, texts in values.items() if texts and "" not in texts}


def _mended_rows(job: DataImportJob, reader: "csv.DictReader[str]") -> list[tuple[int, dict[str, Any]]]:
    columns = [_defused(name) for name in job.columns or []]
    missing = [name for name in (LINE, *columns) if name not in (reader.fieldnames or ())]
    if missing:
        raise RejectsRefused(
            f'The mended file has no column "{missing[0]}"; mend what `export_rejects {job.pk}` wrote.'
        )
    rows = []
    for row in reader:
        if any("\0" in (text or "") for text in row.values() if not isinstance(text, list)):
            raise RejectsRefused(f"The mended file has a NUL character at its line {reader.line_num}.")
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


def _in_order(job: DataImportJob) -> Iterator[StagingRecord]:
    pages = in_pages_of_bytes(
        _rejected(job).order_by("line"), "raw", size=EXPORTED_AT_ONCE, most=conf.BATCH_MAX_BYTES
    )
    return chain.from_iterable(pages)


def _rejected(job: DataImportJob) -> Any:
    return StagingRecord.objects.filter(job=job, state__in=[State.REJECTED, State.FIXED])


def _set_aside(job: DataImportJob) -> Any:
    """Those rejected, and those that were until a replay put them in, or somebody was erased."""
    return StagingRecord.objects.filter(job=job).exclude(state=State.CONTESTED)


def _in_words(error: dict[str, Any]) -> str:
    return f"{error['field'] or 'record'}: {error['message']}"


def _defused(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("'", *FORMULA_BEGINNINGS)) else cell


def _restored(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(("'", *FORMULA_BEGINNINGS)) else cell
