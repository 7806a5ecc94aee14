"""What is deleted after the end of a job: rejected records, uploads and the log, each after days of its own.

A job that runs, or is replayed, is never touched; what is deleted leaves one entry in its log that says so.
"""

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from importer import ledger
from importer.conf import conf
from importer.exceptions import ImporterError, SettingsRefused, first_line, one_line
from importer.models import DataImportJob, ImportChunk, LogEvent, MigrationLog, StagingRecord, ledger_alias
from importer.sources.names import split_remote
from importer.sources.remote import storage_called
from importer.sources.uploads import is_upload

# Rows per statement: each is over in milliseconds and holds no lock for longer.
STEP = 2_000
# Between two statements, so that other work gets its turn.
REST_SECONDS = 0.01
LONGEST_DAYS = 36_500
SETTINGS = ("REJECTED_DAYS", "UPLOAD_DAYS", "LOG_DAYS")
# What is kept of a log: why something is not there any more, and which columns a spec took (see `quotes`).
KEPT_EVENTS = (LogEvent.PLANNED, LogEvent.REJECTS_PRUNED, LogEvent.UPLOAD_DELETED, LogEvent.PERSON_ERASED)
State = StagingRecord.State
# Contested records have no fate yet: they are the only copy of what an unfinished job has read already.
PRUNED_STATES = (State.REJECTED, State.FIXED, State.REPLAYED, State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Uploads:
    """Files deleted, and why others could not be, a line each."""

    deleted: int
    failures: tuple[str, ...]


def invalid_days() -> list[str]:
    return [
        f'IMPORTER["{name}"] is {value!r}; it must be a number of days from 1 to {LONGEST_DAYS:,}, or None.'
        for name in SETTINGS
        if (value := getattr(conf, name)) is not None
        and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_DAYS)
    ]


def verify_days() -> None:
    """Raises SettingsRefused: a wrong number would delete what is still needed."""
    for reason in invalid_days():
        raise SettingsRefused(reason)


def prune_rejected(days: int, *, step: int = STEP) -> int:
    """Delete the rejected records of old jobs, with those replayed or erased since; how many."""
    records = StagingRecord.objects.filter(job=OuterRef("pk"), state__in=PRUNED_STATES)
    old = _ended(days).filter(Exists(records)).order_by("pk")
    return sum(_prune_records_of(job_id, days, step) for job_id in list(old.values_list("pk", flat=True)))


def prune_uploads(days: int) -> Uploads:
    """Delete the files that were sent for jobs which are all old."""
    told = MigrationLog.objects.filter(job=OuterRef("pk"), event=LogEvent.UPLOAD_DELETED)
    old = _ended(days).filter(source__startswith=f"{str(conf.UPLOADS).rstrip('/')}/").exclude(Exists(told))
    deleted, failures = 0, []
    for source in sorted(set(old.values_list("source", flat=True))):
        try:
            deleted += _delete_upload(source, days)
        except Exception as error:  # a storage may raise whatever its client library does
            failures.append(one_line(f'The upload "{source}" cannot be deleted: {first_line(error)}'))
    return Uploads(deleted, tuple(failures))


def prune_log(days: int, *, step: int = STEP) -> int:
    """Delete old jobs' log entries, how many, and the reasons of failures that stand with the jobs and chunks."""
    jobs = _ended(days).values("pk")
    entries: Any = MigrationLog._base_manager.filter(job__in=jobs).exclude(event__in=KEPT_EVENTS)
    DataImportJob.objects.filter(pk__in=jobs).exclude(error="").update(error="")
    ImportChunk.objects.filter(job__in=jobs).exclude(last_error="").update(last_error="")
    deleted = 0
    while keys := list(entries.order_by("pk").values_list("pk", flat=True)[:step]):
        deleted += _delete_rows(MigrationLog, keys)
        time.sleep(REST_SECONDS)
    return deleted


def pruned_by_state(job_id: int) -> Counter[str]:
    """How many records of a job were deleted, by the state that they had."""
    entry = MigrationLog.objects.filter(job=job_id, event=LogEvent.REJECTS_PRUNED).first()
    return Counter(entry.details if entry else {})


def _ended(days: int) -> QuerySet[DataImportJob]:
    """Jobs that ended so long ago, or began and were killed; of those that never ran, those made so long ago.

    Whether one runs is told by its lock: a run that was killed leaves the status "running" for ever.
    """
    before = timezone.now() - dt.timedelta(days=days)
    end = Greatest("created_at", "started_at", "finished_at")  # PostgreSQL leaves NULL out
    return DataImportJob.objects.alias(end=end).filter(end__lt=before)


@contextlib.contextmanager
def _holding_old(job_ids: list[int], days: int) -> Iterator[bool]:
    """Keep runs and replays away from the jobs. False: one of them runs, or has run meanwhile."""
    held: list[int] = []
    try:
        held.extend(
            job_id for job_id in job_ids if ledger.hold_job(job_id)
        )  # those it has, also if it raises
        yield len(held) == len(job_ids) == _ended(days).filter(pk__in=job_ids).count()
    finally:
        for job_id in held:
            ledger.let_job_go(job_id)


def _prune_records_of(job_id: int, days: int, step: int) -> int:
    deleted = 0
    with _holding_old([job_id], days) as is_old:
        while is_old and (number := _prune_step(job_id, days, step)):
            deleted += number
            time.sleep(REST_SECONDS)
    return deleted


def _prune_step(job_id: int, days: int, step: int) -> int:
    """Rows and what the log says of them in one transaction: a kill must not make the report wrong."""
    rows = StagingRecord.objects.filter(job=job_id, state__in=PRUNED_STATES).order_by("line")
    chosen = list(rows.values_list("pk", "state")[:step])
    if not chosen:
        return 0
    with transaction.atomic(using=ledger_alias()):
        _delete_rows(StagingRecord, [pk for pk, _ in chosen])
        details = dict(pruned_by_state(job_id) + Counter(state for _, state in chosen))
        reason = f'{sum(details.values()):,} rejected records deleted, by IMPORTER["REJECTED_DAYS"] ({days})'
        MigrationLog.objects.update_or_create(
            job_id=job_id, event=LogEvent.REJECTS_PRUNED, defaults={"reason": reason, "details": details}
        )
    return len(chosen)


def _delete_rows(model: Any, keys: list[int]) -> int:
    """Without asking for dependents: nothing refers to these rows."""
    rows = model._base_manager.filter(pk__in=keys)
    return int(rows._raw_delete(rows.db))


def _delete_upload(source: str, days: int) -> bool:
    """False where a job still needs it."""
    jobs = list(DataImportJob.objects.filter(source=source).values_list("pk", flat=True))
    with _holding_old(jobs, days) as are_old:
        if not are_old:
            return False
        if not is_upload(source):  # a link that somebody has put there
            raise ImporterError("it lies elsewhere; see where its folder leads.")
        alias, name = split_remote(source)
        storage = storage_called(source, alias)
        storage.delete(name)
        _delete_empty_folder(storage, name)
        reason = f'"{source}" deleted, by IMPORTER["UPLOAD_DAYS"] ({days})'
        for job_id in jobs:
            ledger.log(job_id, LogEvent.UPLOAD_DELETED, reason)
    return True


def _delete_empty_folder(storage: Any, name: str) -> None:
    """Each upload has a folder of its own; only storages of folders have one to delete."""
    with contextlib.suppress(NotImplementedError, OSError):
        storage.path(name)
        storage.delete(name.rpartition("/")[0])
