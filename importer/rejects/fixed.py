"""Takes a fixed file of rejected records back in."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from importer import ledger
from importer.conf import conf
from importer.models import DataImportJob, StagingRecord, ledger_alias
from importer.records import CHANGED_AT, LINE, RAW
from importer.rejects.cells import cell, defused, nulls_of, restored
from importer.rejects.refused import RejectsRefused
from importer.rejects.workbook import as_csv, too_many

# Digits of a line's number: no source has more lines.
LINE_DIGITS = 18


@dataclass(slots=True)
class Taken:
    """Records of a fixed file. The names are stored in the log entry `mended`.

    mended       records whose values were taken over
    left         records that could not be split into columns and were not changed
    passed_over  records that were replayed already
    """

    mended: int = 0
    left: int = 0
    passed_over: int = 0


def take_over(job: DataImportJob, path: Path, *, overwrite: bool = False, most: int | None = None) -> Taken:
    """Replace the stored values by those of a fixed file, CSV or xlsx, all or nothing. Raises RejectsRefused.

    overwrite  also the records that somebody has changed since the file was downloaded, if it says when that was
    most       no more records than this
    """
    with as_csv(path, most) as plain, transaction.atomic(using=ledger_alias()):
        return _take_over(job, plain, path.name, overwrite=overwrite, most=most)


def _take_over(job: DataImportJob, path: Path, name: str, *, overwrite: bool, most: int | None) -> Taken:
    now, nulls, taken = timezone.now(), nulls_of(job), Taken()
    with path.open(encoding="utf-8-sig", newline="") as file:
        # csv's limit is 128 kB per field. An escape makes four characters of one, a doubled quote two.
        csv.field_size_limit(max(csv.field_size_limit(), 4 * conf.MAX_RECORD_BYTES))
        try:
            rows = list(islice(_fixed_rows(job, csv.DictReader(file, strict=True)), most and most + 1))
        except (csv.Error, UnicodeDecodeError) as error:
            raise RejectsRefused(f'"{name}" cannot be read: {error}.') from None
    if most is not None and len(rows) > most:
        raise too_many(name, most)
    lines = [line for line, _, _ in rows]
    # Locked, so that what is erased meanwhile does not come back.
    locked = _rejected_once(job).select_for_update().filter(line__in=lines)
    records = {record.line: record for record in locked}
    fixed = []
    for line, texts, changed_at in rows:
        record = _record_of(job, records, line, name)
        if record.state == StagingRecord.State.REPLAYED:
            taken.passed_over += 1
            continue
        raw = _changed(record, texts, nulls)
        if RAW in raw:
            taken.left += 1
            continue
        if raw != record.raw and not overwrite and changed_at not in ("", record.updated_at.isoformat()):
            raise RejectsRefused(
                f'"{name}" has {job.place_of(line)}, which was changed since the file was downloaded; download it '
                f"again, or have it overwritten."
            )
        record.raw, record.state, record.updated_at = raw, StagingRecord.State.FIXED, now
        fixed.append(record)
    ledger.update_records(fixed, ["raw", "state", "updated_at"])
    taken.mended = len(fixed)
    return taken


def _record_of(job: DataImportJob, records: dict[int, StagingRecord], line: int, name: str) -> StagingRecord:
    record = records.get(line)
    if record is None:
        raise RejectsRefused(
            f'"{name}" has {job.place_of(line)}, which is not a rejected record of job {job.pk}; remove it.'
        )
    if record.state == StagingRecord.State.DISCARDED:
        raise RejectsRefused(
            f'"{name}" has {job.place_of(line)}, which was erased because it named a person; remove it.'
        )
    return record


def _changed(record: StagingRecord, texts: dict[str, str], nulls: dict[str, str]) -> dict[str, Any]:
    """Return the raw record with the file's changes. An unchanged cell keeps its stored value, so a null stays null.

    A record that could not be split into columns keeps its mark until something in it was changed.
    """
    same = {name for name, text in texts.items() if text == cell(record, name, nulls)}
    if len(same) == len(texts):
        return dict(record.raw)
    is_whole = RAW not in record.raw
    return {name: record.raw.get(name) if is_whole and name in same else text for name, text in texts.items()}


def _fixed_rows(
    job: DataImportJob, reader: "csv.DictReader[str]"
) -> Iterator[tuple[int, dict[str, Any], str]]:
    columns = [defused(name) for name in job.columns or []]
    missing = [name for name in (LINE, *columns) if name not in (reader.fieldnames or ())]
    if missing:
        raise RejectsRefused(
            f'The fixed file has no column "{missing[0]}"; edit the file that `export_rejects {job.pk}` writes.'
        )
    for row in reader:
        if any("\0" in (text or "") for text in row.values() if not isinstance(text, list)):
            raise RejectsRefused(f"The fixed file has a NUL character in line {reader.line_num}.")
        if None in row or None in row.values():
            raise RejectsRefused(f"The fixed file has too few or too many fields in line {reader.line_num}.")
        line = _line_of(job, row[LINE] or "")
        if line is None:
            what = 'a file and its line, such as "a.csv, line 17"' if job.parts else "a number"
            raise RejectsRefused(
                f'The fixed file has "{row[LINE]}" in {LINE}, line {reader.line_num}; {LINE} must be {what}.'
            )
        raw = {name: restored(row[defused(name)] or "") for name in job.columns or []}
        changed_at = "" if CHANGED_AT in (job.columns or []) else row.get(CHANGED_AT) or ""
        yield line, raw, changed_at


def _line_of(job: DataImportJob, text: str) -> int | None:
    """Return the line that a cell of the file names, as the job counts them; None if it names none."""
    name, _, number = restored(text).rpartition(", line ") if job.parts else ("", "", text)
    if not (number.isascii() and number.isdecimal() and len(number) <= LINE_DIGITS):
        return None
    if not job.parts:
        return int(number)
    for part in job.parts:
        line = part["first_line"] + int(number) - 1
        if part["name"] == name and job.part_at(line) == part:
            return line
    return None


def _rejected_once(job: DataImportJob) -> Any:
    """Return the rejected records, including those that were replayed or erased since."""
    return StagingRecord.objects.filter(job=job).exclude(state=StagingRecord.State.CONTESTED)
