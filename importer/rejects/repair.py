"""Changes rejected records: cells of single ones, or values of a whole column or family.

Each repair is one transaction, marks the records as fixed, and leaves what somebody else has changed meanwhile. A
replay imports them.
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections, transaction
from django.utils import timezone

from importer import ledger
from importer.models import DataImportJob, LogEvent, StagingRecord, ledger_alias
from importer.records import RAW
from importer.rejects.cells import cell
from importer.rejects.families import Reason, limited_time
from importer.rejects.fixed import Taken, take_over
from importer.rejects.proposals import changes_by
from importer.rejects.reading import Reading
from importer.rejects.refused import RejectsRefused
from importer.rejects.replay import PATIENCE_SECONDS, held, named, verify_replayable
from importer.rejects.rules import Rule

State = StagingRecord.State
# Distinct values of a column that one repair looks at, and characters of each: longer ones are changed one by one.
MOST_DISTINCT, LONGEST = 20_000, 500

DISTINCT = f"""
    SELECT value, count(*) FROM (
        SELECT coalesce(raw->>%(column)s, %(null)s) AS value FROM {StagingRecord._meta.db_table}
        WHERE job_id = %(job)s AND state IN ('rejected', 'fixed') AND NOT jsonb_exists(raw, '{RAW}')
            AND errors @> %(errors)s::jsonb
    ) AS texts
    WHERE length(value) <= {LONGEST} GROUP BY value ORDER BY 2 DESC, 1 LIMIT {MOST_DISTINCT}
"""  # noqa: S608 (our own table)


@dataclass(frozen=True, slots=True)
class Change:
    """New texts of a record's cells, by column. `seen_at`: its `updated_at` when its values were shown."""

    line: int
    seen_at: dt.datetime
    cells: Mapping[str, str]


@dataclass(slots=True)
class Repaired:
    """The lines of a repair.

    mended     records that were changed
    same       records whose new values are the old ones
    meanwhile  records that somebody has changed, imported or erased since they were shown
    unsplit    records that could not be split into columns, and were not given all fields
    """

    mended: list[int] = field(default_factory=list)
    same: list[int] = field(default_factory=list)
    meanwhile: list[int] = field(default_factory=list)
    unsplit: list[int] = field(default_factory=list)


def change_cells(job: DataImportJob, changes: Sequence[Change], *, by: Any = None) -> Repaired:
    """Change cells of single records. Raises RejectsRefused, JobAlreadyRunning and PoolerInTheWay.

    by  the user; the log says who it was
    """
    _verify(job, {name for change in changes for name in change.cells}, changes)
    reading, now, done = Reading.of(job), timezone.now(), Repaired()
    with _held(job), transaction.atomic(using=ledger_alias()):
        lines = [change.line for change in changes]
        some = StagingRecord.objects.select_for_update().filter(job=job, line__in=lines)
        records = {record.line: record for record in some.order_by("line")}
        changed = []
        for change in changes:
            record = records.get(change.line)
            if record is None or not _is_as_seen(record, change):
                done.meanwhile.append(change.line)
            elif (raw := _changed(record, change, job.columns or [], reading)) is None:
                done.unsplit.append(change.line)
            elif raw == record.raw:
                done.same.append(change.line)
            else:
                record.raw, record.state, record.updated_at = raw, State.FIXED, now
                changed.append(record)
                done.mended.append(change.line)
        ledger.update_records(changed, ["raw", "state", "updated_at"])
        if changed:
            _log(job, by, "cells of single records", mended=len(changed))
    return done


def apply_rule(
    job: DataImportJob,
    column: str,
    rule: Rule,
    *,
    reason: Reason | None = None,
    by: Any = None,
    most: int | None = None,
) -> int:
    """Repair the values of a column by a rule, in all rejected records or in those of a family. Returns their number.

    A rule changes only values that the field's own validation accepts afterwards; a replaced word need not be valid.
    `most`: no more records than this. Raises RejectsRefused, JobAlreadyRunning and PoolerInTheWay.
    """
    _verify(job, {column}, ())
    reading = Reading.of(job)
    plan = next((plan for plan in reading.plans.values() if plan.column == column), None)
    errors, null = reason.as_errors if reason else [], reading.null_of(column)
    with _held(job), limited_time(job):
        if rule.name == "word":
            new = {rule.given: rule.to} if rule.given != rule.to else {}
        else:
            values = _distinct(job, column, null, errors)
            fine = reading.accepted(plan, values) if plan else set()
            new = changes_by(rule, {t: n for t, n in values.items() if t not in fine}, plan, reading)
        mended = ledger.replace_values(job.pk, column, new, null=null, errors=errors, most=most) if new else 0
        if mended:
            _log(job, by, f'{rule} in the column "{column}"', mended=mended)
    return mended


def take_file(
    job: DataImportJob, path: Path, *, by: Any = None, overwrite: bool = False, most: int | None = None
) -> Taken:
    """Take the values of a fixed file, CSV or xlsx, all or nothing. Raises what `change_cells` raises.

    overwrite  also of records that somebody has changed since the file was downloaded
    most       no more records than this
    """
    verify_replayable(job)
    with _held(job), transaction.atomic(using=ledger_alias()):
        taken = take_over(job, path, overwrite=overwrite, most=most)
        _log(job, by, f'"{path.name}"', **asdict(taken))
    return taken


def _verify(job: DataImportJob, columns: Collection[str], changes: Sequence[Change]) -> None:
    verify_replayable(job)
    if unknown := sorted(set(columns) - set(job.columns or [])):
        raise RejectsRefused(f'Job {job.pk} has no column "{unknown[0][:60]}".')
    if any("\0" in text for change in changes for text in change.cells.values()):
        raise RejectsRefused("A value cannot contain a NUL character.")


def _held(job: DataImportJob) -> Any:
    """Hold the job while records change: a replay has read them, and would mark them as imported."""
    return held(job, PATIENCE_SECONDS)


def _is_as_seen(record: StagingRecord, change: Change) -> bool:
    return record.state in (State.REJECTED, State.FIXED) and record.updated_at == change.seen_at


def _changed(
    record: StagingRecord, change: Change, columns: Sequence[str], reading: Reading
) -> dict[str, Any] | None:
    """Return the raw record with the changes; None if it could not be split and lacks fields.

    A cell whose text is not changed keeps its stored value, so a null stays null.
    """
    new = {
        name: text
        for name, text in change.cells.items()
        if RAW in record.raw or text != cell(record, name, reading.nulls)
    }
    if RAW not in record.raw:
        return record.raw | new
    faulty = [column for error in record.errors for column in reading.columns_of(error["field"])]
    # A cell without a value has the other cells of its row; of a row that was not split, no field is known.
    needed = faulty if faulty and set(columns) <= record.raw.keys() else columns
    if not set(needed) <= new.keys():
        return None
    return {name: new.get(name, record.raw.get(name)) for name in columns}


def _distinct(job: DataImportJob, column: str, null: str, errors: list[dict[str, str]]) -> dict[str, int]:
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            DISTINCT, {"job": job.pk, "column": column, "null": null, "errors": json.dumps(errors)}
        )
        return dict(cursor.fetchall())


def _log(job: DataImportJob, by: Any, what: str, **figures: int) -> None:
    ledger.log(job, LogEvent.MENDED, what, **figures, **named(by))
