"""Takes a fixed CSV of rejected records back in."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from importer.conf import conf
from importer.exceptions import ImporterError
from importer.models import DataImportJob, StagingRecord, ledger_alias
from importer.records import LINE, RAW
from importer.rejects.cells import cell, defused, nulls_of, restored


class RejectsRefused(ImporterError):
    """The mended file does not belong to the job, or cannot be read."""


@dataclass(slots=True)
class Taken:
    """Records of a mended file: taken over, left for want of a change, passed over as they are replayed already."""

    mended: int = 0
    left: int = 0
    passed_over: int = 0


def take_over(job: DataImportJob, path: Path) -> Taken:
    """Put the mended values in the place of the stored ones."""
    now, nulls = timezone.now(), nulls_of(job)
    taken = Taken()
    mended = []
    with path.open(encoding="utf-8-sig", newline="") as file, transaction.atomic(using=ledger_alias()):
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
            if record.state == StagingRecord.State.DISCARDED:
                raise RejectsRefused(
                    f'"{path.name}" has line {line}, which was erased since it named a person; take it out of the file.'
                )
            if record.state == StagingRecord.State.REPLAYED:
                taken.passed_over += 1
                continue
            raw = _changed(record, texts, nulls)
            if RAW in raw:
                taken.left += 1
                continue
            record.raw, record.state, record.updated_at = raw, StagingRecord.State.FIXED, now
            mended.append(record)
        StagingRecord.objects.bulk_update(mended, ["raw", "state", "updated_at"], batch_size=500)
    taken.mended = len(mended)
    return taken


def _changed(record: StagingRecord, texts: dict[str, str], nulls: dict[str, str]) -> dict[str, Any]:
    """The record with what was changed in the file; what was not is as it was stored, a null a null.

    Keeps the mark of a record that could not be taken apart, until anything was changed.
    """
    same = {name for name, text in texts.items() if text == cell(record, name, nulls)}
    if len(same) == len(texts):
        return dict(record.raw)
    is_whole = RAW not in record.raw
    return {name: record.raw.get(name) if is_whole and name in same else text for name, text in texts.items()}


def _mended_rows(job: DataImportJob, reader: "csv.DictReader[str]") -> list[tuple[int, dict[str, Any]]]:
    columns = [defused(name) for name in job.columns or []]
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
        raw = {name: restored(row[defused(name)] or "") for name in job.columns or []}
        rows.append((int(row[LINE]), raw))
    return rows


def _set_aside(job: DataImportJob) -> Any:
    """Those rejected, and those that were until a replay put them in, or somebody was erased."""
    return StagingRecord.objects.filter(job=job).exclude(state=StagingRecord.State.CONTESTED)
