"""Deletes rejected records, uploads and log entries a number of days after their jobs have ended.

A job that runs or is replayed is never touched. Each deletion leaves one entry in the job's log.
"""

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from importer import ledger
from importer.conf import conf
from importer.exceptions import ImporterError, SettingsRefused, first_line, one_line
from importer.models import (
    BeforeImage,
    DataImportJob,
    ImportDraft,
    ImportTransaction,
    LogEvent,
    MigrationLog,
    StagingRecord,
    ledger_alias,
)
from importer.sources.names import split_remote
from importer.sources.remote.remote import storage_called
from importer.sources.remote.uploads import is_upload

# Rows per statement, so that each takes milliseconds and holds its locks no longer.
STEP = 2_000
# Pause between two statements, for other work.
REST_SECONDS = 0.01
LONGEST_DAYS = 36_500
SETTINGS = ("REJECTED_DAYS", "UPLOAD_DAYS", "LOG_DAYS")
# Log entries that stay: why something was deleted, which columns a spec reads (see `quotes`), and who signed off.
KEPT_EVENTS = (
    LogEvent.PLANNED, LogEvent.REJECTS_PRUNED, LogEvent.UPLOAD_DELETED, LogEvent.PERSON_ERASED, LogEvent.VERIFIED,
    LogEvent.APPROVED, LogEvent.DECLINED,
)  # fmt: skip
State = StagingRecord.State
# Without contested records: they are the only copy of records that an unfinished job has read.
PRUNED_STATES = (State.REJECTED, State.FIXED, State.REPLAYED, State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Uploads:
    """The number of deleted files, and a line for each failure."""

    deleted: int
    failures: tuple[str, ...]


def invalid_days() -> list[str]:
    """Return a sentence for each invalid setting."""
    return [
        f'IMPORTER["{name}"] is {value!r}; use a number of days from 1 to {LONGEST_DAYS:,}, or None.'
        for name in SETTINGS
        if (value := getattr(conf, name)) is not None
        and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_DAYS)
    ]


def verify_days() -> None:
    """Raise SettingsRefused for an invalid setting, which could delete what is still needed."""
    for reason in invalid_days():
        raise SettingsRefused(reason)


def prune_rejected(days: int, *, step: int = STEP) -> int:
    """Delete the rejected records of old jobs, including replayed and erased ones, and return their number."""
    records = StagingRecord.objects.filter(job=OuterRef("pk"), state__in=PRUNED_STATES)
    old = _ended(days).filter(Exists(records)).order_by("pk")
    return sum(_prune_records_of(job_id, days, step) for job_id in list(old.values_list("pk", flat=True)))


def prune_uploads(days: int) -> Uploads:
    """Delete the uploads all of whose jobs are old."""
    deletions = MigrationLog.objects.filter(job=OuterRef("pk"), event=LogEvent.UPLOAD_DELETED)
    uploads = _ended(days).filter(source__startswith=f"{str(conf.UPLOADS).rstrip('/')}/")
    old = uploads.exclude(Exists(deletions))
    deleted, failures = 0, []
    for source, part in sorted(set(old.values_list("source", "parts__0__source"))):
        if part not in (None, source):
            continue  # several files under a common name; each upload among them has a job of its own
        try:
            deleted += _delete_upload(source, days)
        except Exception as error:  # a storage may raise anything that its client library raises
            failures.append(one_line(f'The upload "{source}" cannot be deleted: {first_line(error)}'))
    return Uploads(deleted, tuple(failures))


def prune_drafts(days: int) -> Uploads:
    """Delete drafts that nobody has touched for a time, and their uploads, if no job reads them."""
    deleted, failures = 0, []
    before = timezone.now() - dt.timedelta(days=days)
    for draft in ImportDraft.objects.filter(updated_at__lt=before).order_by("pk").only("source", "job"):
        try:
            delete_upload_of(draft)
        except ImporterError as reason:
            failures.append(str(reason))
            continue
        deleted += ImportDraft.objects.filter(pk=draft.pk, updated_at__lt=before).delete()[0]
    return Uploads(deleted, tuple(failures))


def delete_upload_of(draft: ImportDraft) -> None:
    """Delete a draft's upload, if no job reads it. Raises ImporterError."""
    if DataImportJob.objects.filter(source=draft.source).exists():
        return
    try:
        _delete_file(draft.source)
    except Exception as error:  # a storage may raise anything that its client library raises
        reason = f'The upload "{draft.source}" cannot be deleted: {first_line(error)}'
        raise ImporterError(one_line(reason)) from error


def prune_undo(days: int, *, step: int = STEP) -> int:
    """Delete what undo needs of old jobs, which cannot be undone from then on. Returns the number of before-images."""
    deleted = 0
    for model in (BeforeImage, ImportTransaction):
        rows: Any = model._base_manager.filter(job__in=_ended(days).values("pk"))
        while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:step]):
            deleted += ledger.delete_rows(model, keys) * (model is BeforeImage)
            time.sleep(REST_SECONDS)
    return deleted


def prune_log(days: int, *, step: int = STEP) -> int:
    """Delete old jobs' log entries and the errors of their rows and chunks. Returns the number of entries."""
    jobs = _ended(days).values("pk")
    entries: Any = MigrationLog._base_manager.filter(job__in=jobs).exclude(event__in=KEPT_EVENTS)
    DataImportJob.objects.filter(pk__in=jobs).exclude(error="").update(error="")
    ledger.forget_failures(jobs)
    deleted = 0
    while keys := list(entries.order_by("pk").values_list("pk", flat=True)[:step]):
        deleted += ledger.delete_rows(MigrationLog, keys)
        time.sleep(REST_SECONDS)
    return deleted


def pruned_by_state(job_id: int) -> Counter[str]:
    """Return how many records of a job were deleted, by the state that they had."""
    entry = MigrationLog.objects.filter(job=job_id, event=LogEvent.REJECTS_PRUNED).first()
    return Counter(entry.details if entry else {})


def _ended(days: int) -> QuerySet[DataImportJob]:
    """Return the jobs whose last sign of life (end, start or creation) is older than `days`.

    Only the lock tells whether a job runs: a killed run leaves the status "running" for ever.
    """
    before = timezone.now() - dt.timedelta(days=days)
    end = Greatest("created_at", "started_at", "finished_at")  # PostgreSQL leaves NULL out
    return DataImportJob.objects.alias(end=end).filter(end__lt=before)


@contextlib.contextmanager
def _holding_old(job_ids: list[int], days: int) -> Iterator[bool]:
    """Hold the jobs, so that no run or replay starts. Yields False if one of them runs, or has run meanwhile."""
    held: list[int] = []
    try:
        held.extend(
            job_id for job_id in job_ids if ledger.hold_job(job_id)
        )  # extend keeps the jobs held so far if a later one raises
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
    """Delete rows and log their number in one transaction, so that a kill cannot make the report wrong."""
    rows = StagingRecord.objects.filter(job=job_id, state__in=PRUNED_STATES).order_by("line")
    keys_and_states = list(rows.values_list("pk", "state")[:step])
    if not keys_and_states:
        return 0
    with transaction.atomic(using=ledger_alias()):
        ledger.delete_rows(StagingRecord, [pk for pk, _ in keys_and_states])
        details = dict(pruned_by_state(job_id) + Counter(state for _, state in keys_and_states))
        reason = f'{sum(details.values()):,} rejected records deleted, by IMPORTER["REJECTED_DAYS"] ({days})'
        ledger.log_total(job_id, LogEvent.REJECTS_PRUNED, reason, details)
    return len(keys_and_states)


def _delete_upload(source: str, days: int) -> bool:
    """Delete an upload unless a job still needs it. Returns whether it was deleted."""
    of_parts = Q(parts__contains=[{"source": source}])
    jobs = list(DataImportJob.objects.filter(Q(source=source) | of_parts).values_list("pk", flat=True))
    with _holding_old(jobs, days) as are_old:
        if not are_old:
            return False
        _delete_file(source)
        reason = f'"{source}" deleted, by IMPORTER["UPLOAD_DAYS"] ({days})'
        for job_id in jobs:
            ledger.log(job_id, LogEvent.UPLOAD_DELETED, reason)
    return True


def _delete_file(source: str) -> None:
    """Delete the file of an upload. Raises ImporterError, and what its storage raises."""
    if not is_upload(source):  # somebody has put a link there
        raise ImporterError("it is not below the uploads; check where its folder leads.")
    alias, name = split_remote(source)
    storage = storage_called(source, alias)
    storage.delete(name)
    _delete_empty_folder(storage, name)


def _delete_empty_folder(storage: Any, name: str) -> None:
    """Delete the upload's own folder, on storages that have folders."""
    with contextlib.suppress(NotImplementedError, OSError):
        storage.path(name)
        storage.delete(name.rpartition("/")[0])
