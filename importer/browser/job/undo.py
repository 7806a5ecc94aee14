"""Undoes a job: shows first what would go and what would stay, then does it at once or on a worker."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import Error as DatabaseError
from django.db import router, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.aside import in_a_thread
from importer.browser.frame import address, only, page
from importer.browser.job.deeds import note_deed
from importer.browser.job.phase import Phase, has_workers, phase_of
from importer.browser.job.run import NOT_NOW, no_worker
from importer.browser.visible import job_for
from importer.browser.words import counted, listed, rows_of, title_of
from importer.exceptions import ImporterError, reason_of
from importer.models import DataImportJob, ImportTransaction
from importer.rights import has_right, may_undo
from importer.specs.registry import get_spec
from importer.undo.undo import Undone, undo_import
from importer.undo.written import WrittenRows

# Rows that a request undoes, or finds out about. Django's collector loads each, and what refers to it.
MOST_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What an undo would do, in sentences. `related` is what would go with it, if that is wished."""

    does: list[str]
    stays: list[str]
    reasons: list[str]
    related: str = ""


@only("GET", "HEAD", "POST")
@transaction.non_atomic_requests
def show(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    job = job_for(request, job_id, may_undo)
    if refusal := _refusal(job):
        messages.warning(request, refusal)
        return redirect(address(site, "story", job_id))
    try:
        rows = _written_rows(job)
        if request.method == "POST":
            _undo(request, job, rows)
            return redirect(address(site, "story", job_id))
        preview = _preview(job, rows, request.user)
    except (ImporterError, DatabaseError) as error:
        messages.error(request, f"Nothing was undone: {reason_of(error)}")
        return redirect(address(site, "story", job_id))
    context: dict[str, Any] = {"job": job, "preview": preview, "story": address(site, "story", job_id)}
    is_large = rows > MOST_AT_ONCE
    worker = no_worker(f"undo_import {job.pk}") if is_large and not has_workers() else ""
    return page(
        site,
        request,
        "undo.html",
        title=f"Undo: {title_of(job)}",
        is_large=is_large,
        no_worker=worker,
        **context,
    )


def _refusal(job: DataImportJob) -> str:
    """Say why the job cannot be undone now; empty if it can."""
    if job.planned_at is None:
        return "The job has not been run, so there is nothing to undo."
    if job.unfinished_load:
        return f"The job {job.unfinished_load}. Run it to its end, then undo it."
    phase = phase_of(job)
    if phase in (Phase.RUNNING, Phase.WAITING):
        return "Stop the job first, then undo it."
    return NOT_NOW[phase] if phase in (Phase.UNDO_WAITS, Phase.UNDOING) else ""


def _written_rows(job: DataImportJob) -> int:
    model = get_spec(job.spec).options.model
    kinds = [ImportTransaction.Kind.INSERTED, ImportTransaction.Kind.UPDATED]
    return WrittenRows(job, model, router.db_for_write(model), kinds).count()


def _undo(request: HttpRequest, job: DataImportJob, rows: int) -> None:
    with_related = request.POST.get("with_related") == "yes"
    if rows > MOST_AT_ONCE and not has_workers():
        messages.error(request, no_worker(f"undo_import {job.pk}"))
        return
    note_deed(request, job, "undid it, with what depends on it" if with_related else "undid it")
    if rows > MOST_AT_ONCE:
        _enqueue(request, job, with_related=with_related)
        messages.success(request, "A worker undoes the job. You may close this page.")
        return
    undone = in_a_thread(
        lambda control: undo_import(
            job.pk, with_related=with_related, may=partial(has_right, request.user), control=control
        )
    )
    if not undone.is_stopped:
        _tell(request, job, undone)
    elif has_workers():
        _enqueue(request, job, with_related=with_related)
        messages.info(request, "This takes longer than a page may; a worker goes on with it.")
    else:
        messages.warning(
            request,
            f"{counted(undone.deleted, 'row')} deleted so far. Press Undo again to go on with the others.",
        )


def _enqueue(request: HttpRequest, job: DataImportJob, *, with_related: bool) -> None:
    from importer.executors import queue

    queue.enqueue_undo(job.pk, request.user.pk, with_related=with_related)


def _tell(request: HttpRequest, job: DataImportJob, undone: Undone) -> None:
    done = listed(_does(undone, job, would=False)) or "nothing was left to undo"
    text = f"Undone: {done}."
    if undone.is_complete:
        messages.success(request, text)
        return
    more = " ".join([*_stays(undone, would=False), *_reasons(undone)[:3]])
    messages.warning(request, f"{text} {more}")


def _preview(job: DataImportJob, rows: int, user: Any) -> Preview:
    if rows > MOST_AT_ONCE:
        return Preview([f"{counted(rows, 'row')} of {rows_of(job)} that nobody has changed since"], [], [])
    may = partial(has_right, user)
    alone = in_a_thread(lambda control: undo_import(job.pk, dry_run=True, may=may, control=control))
    stays, reasons = _stays(alone, would=True), _reasons(alone)
    if alone.is_stopped:
        stays.append(
            "There was no time to look at all rows; those that were not looked at are not counted here."
        )
    related = _related(job, alone, may) if alone.refused else ""
    return Preview(_does(alone, job, would=True), stays, reasons, related)


def _related(job: DataImportJob, alone: Undone, may: Any) -> str:
    """Say what would be deleted or changed of others, and how many more rows could go then."""
    both = in_a_thread(
        lambda control: undo_import(job.pk, dry_run=True, with_related=True, may=may, control=control)
    )
    if not both.related:
        return ""
    names = listed([f"{number:,} {name}" for name, number in both.related.items()])
    more = both.deleted - alone.deleted
    return f"{names}; then {more:,} more {rows_of(job)} go too"


def _does(undone: Undone, job: DataImportJob, *, would: bool) -> list[str]:
    parts = [
        (undone.deleted, f"{undone.deleted:,} {rows_of(job)}", "deleted"),
        (
            undone.parents,
            f"{counted(undone.parents, 'row')} that the job had made for others to refer to",
            "deleted",
        ),
        (undone.restored, f"{undone.restored:,} {rows_of(job)}", "put back as they were before"),
        (undone.related, _counts(undone.related), "of others deleted or changed with them"),
    ]
    verb = "will be " if would else ""
    return [f"{what} {verb}{done}" for number, what, done in parts if number]


def _counts(related: Counter[str]) -> str:
    return listed([f"{number:,} {name}" for name, number in related.items()])


def _stays(undone: Undone, *, would: bool) -> list[str]:
    """Say what stays, and why."""
    stay = "will stay" if would else "stay"
    lines = []
    if undone.changed:
        lines.append(
            f"{counted(undone.changed, 'row')} {stay} as they are: they were changed or deleted since."
        )
    if undone.not_kept:
        lines.append(
            f"{counted(undone.not_kept, 'row')} {stay} as the job changed them: it did not keep what was there before."
        )
    if undone.refused:
        lines.append(f"{counted(undone.refused, 'row')} {stay}, because something depends on them.")
    return lines


def _reasons(undone: Undone) -> list[str]:
    """Name reasons, each with the number of rows among the first that have it."""
    numbers = Counter(undone.reasons.values())
    return [f"{reason} ({counted(number, 'row')})." for reason, number in numbers.most_common()]
