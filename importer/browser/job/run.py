"""Starts, resumes and stops a job: small sources at once, others on a worker."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import Error as DatabaseError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.aside import in_a_thread
from importer.browser.frame import address, only
from importer.browser.job.deeds import note_deed
from importer.browser.job.lead import START_WORKER, told
from importer.browser.job.phase import Phase, has_queue, has_workers, phase_of
from importer.browser.visible import job_for
from importer.conf import conf
from importer.exceptions import ImporterError, reason_of
from importer.models import DataImportJob
from importer.rejects.report import make_report
from importer.rights import may_read_source, may_run
from importer.run.results import ImportResult
from importer.sources.size import source_bytes

Status = DataImportJob.Status
NOT_NOW = {
    Phase.RUNNING: "The job is running already.",
    Phase.WAITING: "The job waits for a worker already.",
    Phase.COMPLETED: "The job is completed. A job runs once; import the file again with a new one.",
    Phase.IN_REVIEW: "The job waits for a second person to approve it.",
    Phase.UNDO_WAITS: "The job is about to be undone.",
    Phase.UNDOING: "Another process is at work on the job; try again in a moment.",
    Phase.UNDONE: "The job was undone. Import the file again with a new job.",
}


@only("POST")
@transaction.non_atomic_requests
def start(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    """Start or resume a job."""
    job = job_for(request, job_id, may_run)
    phase = phase_of(job)
    if phase.may_start:
        begin_run(request, job, "started it" if phase == Phase.NEW else "resumed it")
    else:
        messages.warning(request, NOT_NOW[phase])
    return redirect(address(site, "story", job_id))


@only("POST")
def stop(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    """Stop a job after its current batch, and take a waiting one from the queue."""
    job = job_for(request, job_id, may_run)
    phase = phase_of(job)
    if phase == Phase.RUNNING:
        DataImportJob.objects.filter(pk=job_id).ask_to_stop()
        note_deed(request, job, "asked to stop it")
        messages.success(request, "The job will stop after the current batch.")
    elif phase == Phase.WAITING and _taken_back(job):
        note_deed(request, job, "took it from the queue")
        messages.success(request, "The job no longer waits for a worker.")
    else:
        messages.warning(request, "The job is not running.")
    return redirect(address(site, "story", job_id))


def _taken_back(job: DataImportJob) -> bool:
    from importer.executors import queue

    return queue.take_back_run(job.pk)


def begin_run(request: HttpRequest, job: DataImportJob, deed: str) -> None:
    """Run a job at once, or have a worker run it; say in a message what came of it."""
    try:
        size = source_bytes(job)
    except ImporterError as error:
        text = str(error) if may_read_source(request.user, job) else "its source cannot be read."
        messages.error(request, f"Nothing was started: {text}")
        return
    if size is not None and size <= conf.INLINE_BYTES:
        note_deed(request, job, deed)
        _run_at_once(request, job)
    elif has_workers():
        note_deed(request, job, deed)
        enqueue(job, request.user)
        messages.success(request, "A worker runs the job. You may close this page.")
    else:
        messages.error(request, no_worker(f"run_import {job.pk}"))


def no_worker(command: str) -> str:
    """Say that nothing was started, and how it can be."""
    if not has_queue():
        return (
            f"Nothing was started: this takes longer than a page may, and this site has no workers. In a terminal of "
            f"the site, run `manage.py {command}`."
        )
    return (
        f"Nothing was started, because no worker is running. Start one with `{START_WORKER}`, then try again; or run "
        f"`manage.py {command}` in a terminal of the site."
    )


def enqueue(job: DataImportJob, user: Any) -> None:
    from importer.executors import queue

    queue.enqueue_run(job.pk, user.pk)


def _run_at_once(request: HttpRequest, job: DataImportJob) -> None:
    from importer.run.run import run_import  # not with the site's addresses, which every check loads

    DataImportJob.objects.filter(pk=job.pk).withdraw_stop()
    try:
        result = in_a_thread(
            lambda control: run_import(job.pk, executor="inline", workers=1, control=control)
        )
    except (ImporterError, DatabaseError) as error:
        text = reason_of(error) if may_read_source(request.user, job) else "its reason may quote the source."
        messages.error(request, f"The job was not run: {text}")
        return
    _tell(request, job, result)


def _tell(request: HttpRequest, job: DataImportJob, result: ImportResult) -> None:
    if result.status == Status.COMPLETED:
        report = make_report(job)
        messages.success(request, f"Done. {told(report.counts, report.families)}")
    elif result.status == Status.FAILED:
        messages.error(request, "The run failed; the reason is below.")
    elif result.status == Status.AWAITING_APPROVAL:
        messages.info(request, "The import was tried and taken back. A second person has to approve it.")
    elif DataImportJob.objects.filter(pk=job.pk, stop_requested=True).exists():
        messages.warning(request, "The run was stopped.")
    elif has_workers():
        enqueue(job, request.user)
        messages.info(request, "This takes longer than a page may; a worker goes on with it.")
    else:
        messages.warning(
            request,
            f"This takes longer than a page may. {result.read:,} records were read so far; press Resume to go on.",
        )
