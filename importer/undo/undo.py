"""Undoes a job, in transactions of some rows each. Killed at any moment, the same command goes on."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, models, transaction
from django.db.models import F
from django.utils import timezone

from importer import ledger
from importer.exceptions import JobAlreadyRunning
from importer.models import DataImportJob, LogEvent
from importer.specs.compile import compile_mapping
from importer.specs.mapping import Mapping
from importer.specs.registry import get_spec
from importer.undo.delete import Deleted, Deletion, May, everybody_may, name_first
from importer.undo.restore import Restoration
from importer.undo.written import Kind, UndoRefused, WrittenRows, verify_marks
from importer.work.control import Control, stopping_on_signals

# Rows in one transaction: Django loads them, and what depends on them.
TOGETHER = 500
FIGURES = ("deleted", "parents", "restored", "changed", "not_kept", "refused")


@dataclass(slots=True)
class Undone:
    """What an undo has done, or would do.

    deleted      rows that the job had inserted
    parents      rows that its lookups had created, of those that nothing uses any more
    restored     rows that are as they were before the job changed them
    related      rows of others that were deleted or changed with them, by the plural name of their model
    changed      inserted rows that were changed or deleted since, which stays so
    not_kept     rows that stay as the job changed them, because it did not keep what was before
    refused      rows that stay because something depends on them, or because the database or the site refuses
    reasons      of the first of those, by primary key
    is_stopped   it was asked to stop; the same call goes on
    """

    deleted: int = 0
    parents: int = 0
    restored: int = 0
    related: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    not_kept: int = 0
    refused: int = 0
    reasons: dict[Any, str] = field(default_factory=dict)
    is_stopped: bool = False

    @property
    def is_complete(self) -> bool:
        return not (self.changed or self.not_kept or self.refused or self.is_stopped)

    def took(self, deleted: Deleted) -> None:
        self.related += deleted.related
        self.refused += deleted.refused
        name_first(self.reasons, deleted.reasons)


def undo_import(
    job: DataImportJob | int,
    *,
    dry_run: bool = False,
    with_related: bool = False,
    may: May = everybody_may,
    on_progress: Callable[[int], None] | None = None,
    control: Control | None = None,
) -> Undone:
    """Delete the rows that a job inserted, and put rows back that it changed, where it has kept them.

    A row that somebody has changed since stays as it is. So does one that others' rows depend on, unless
    `with_related`: then they are deleted or changed as their `on_delete` says, as far as `may("delete", model)` and
    `may("change", model)` allow it. `dry_run` finds out what would happen. `on_progress` is called with the number of
    rows that were deleted. The `stop()` of `control`, called from any thread, ends the undo after the current rows.
    Raises UndoRefused, JobAlreadyRunning, PoolerInTheWay and MappingRefused.
    """
    if isinstance(job, int):
        job = DataImportJob.objects.get(pk=job)
    _refuse(job)
    mapping = compile_mapping(get_spec(job.spec), job.columns or [], job.dialect)
    verify_marks(job, mapping.alias)
    control = control or Control()
    with _held(job), stopping_on_signals(control):
        undo = _Undo(
            job,
            mapping,
            control,
            is_rehearsal=dry_run,
            with_related=with_related,
            may=may,
            on_progress=on_progress,
        )
        undo.run()
        if not dry_run and not control.stopping:
            _conclude(job, undo.undone)
    return undo.undone


def _refuse(job: DataImportJob) -> None:
    if job.planned_at is None:
        raise UndoRefused(f"Job {job.pk} has not been run yet, so it has written nothing.")
    if unfinished := job.unfinished_load:
        raise UndoRefused(f"Job {job.pk} {unfinished}; run it to its end, then undo it.")


@contextmanager
def _held(job: DataImportJob) -> Iterator[None]:
    if not ledger.hold_job(job.pk):
        raise JobAlreadyRunning(f"Job {job.pk} is running; stop it, then undo it.")
    try:
        yield
    finally:
        ledger.let_job_go(job.pk)


class _Undo:
    def __init__(
        self,
        job: DataImportJob,
        mapping: Mapping,
        control: Control,
        *,
        is_rehearsal: bool,
        with_related: bool,
        may: May,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        job.refresh_from_db()
        self.job, self.mapping, self.control = job, mapping, control
        self.is_rehearsal, self.with_related, self.may = is_rehearsal, with_related, may
        self.on_progress = on_progress or (lambda rows: None)
        self.undone = Undone()

    def run(self) -> None:
        """Delete first: an inserted row may have a value that a restored one had before."""
        undone, inserted = self.undone, ledger.Figures.of(self.job).counts.inserted
        undone.deleted = self._delete(self.mapping.model, Kind.INSERTED, with_related=self.with_related)
        if not self.control.stopping:
            self.job.refresh_from_db(fields=["undone"])
            gone = undone.deleted if self.is_rehearsal else 0
            undone.changed = max(0, inserted - self.job.undone - gone - undone.refused)
            self._restore()
        parents = dict.fromkeys(plan.parent for plan in self.mapping.lookups if plan.missing == "create")
        for parent in parents:
            if not self.control.stopping:
                undone.parents += self._delete_parents(parent)
        undone.is_stopped = self.control.stopping

    def _delete(self, model: type[models.Model], kind: Kind, *, with_related: bool) -> int:
        """Delete the rows that were inserted. Returns how many."""
        written = WrittenRows(self.job, model, self.mapping.alias, [kind])
        deletion = Deletion(written, with_related=with_related, is_rehearsal=self.is_rehearsal, may=self.may)
        number = 0
        for page in written.pages(TOGETHER):
            if self.control.stopping:
                break
            with transaction.atomic(using=self.mapping.alias):
                with connections[self.mapping.alias].cursor() as cursor:
                    keys = (written.among if self.is_rehearsal else written.locked)(cursor, page)
                deleted = deletion.delete(keys)
                if not self.is_rehearsal and kind == Kind.INSERTED:
                    self._count(undone=deleted.rows)
            number += deleted.rows
            if kind == Kind.INSERTED:
                self.undone.took(deleted)
                self.on_progress(number)
        return number

    def _delete_parents(self, parent: type[models.Model]) -> int:
        """Delete parents that nothing uses any more. A rehearsal deletes no children, so all of them count."""
        if self.is_rehearsal:
            return WrittenRows(self.job, parent, self.mapping.alias, [Kind.CREATED_PARENTS]).count()
        return self._delete(parent, Kind.CREATED_PARENTS, with_related=False)

    def _restore(self) -> None:
        if len(self.mapping.tables) > 1 or self.mapping.on_conflict != "update":
            return
        written = WrittenRows(self.job, self.mapping.model, self.mapping.alias, [Kind.UPDATED])
        restoration = Restoration(self.job, written)
        if self.is_rehearsal:
            self.undone.restored = restoration.count()
            self.undone.not_kept = written.count() - self.undone.restored
            return
        for page in restoration.pages(TOGETHER):
            if self.control.stopping:
                return
            with transaction.atomic(using=self.mapping.alias):
                restored = restoration.restore(page)
                self._count(restored=restored.rows)
            self.undone.restored += restored.rows
            self.undone.took(restored)
        self.undone.not_kept = written.count()

    def _count(self, **rows: int) -> None:
        """Count in the transaction that changes the rows, so that a kill cannot separate the two."""
        DataImportJob.objects.filter(pk=self.job.pk).update(
            **{name: F(name) + number for name, number in rows.items()}
        )


def _conclude(job: DataImportJob, undone: Undone) -> None:
    DataImportJob.objects.filter(pk=job.pk).update(undone_at=timezone.now())
    details = {name: getattr(undone, name) for name in FIGURES} | {"related": dict(undone.related)}
    reason = ", ".join(f"{getattr(undone, name):,} {name}" for name in FIGURES if getattr(undone, name))
    ledger.log(job, LogEvent.UNDONE, reason or "nothing was left to undo", **details)
