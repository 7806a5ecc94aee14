"""The page of a job: what became of the records, what to do next, and what has happened so far."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse

from importer.browser.begin_address import begin_address
from importer.browser.frame import address, address_if_any, only, page
from importer.browser.job.events import history_of
from importer.browser.job.lead import START_WORKER, lead_of, took
from importer.browser.job.phase import Phase, has_workers, phase_of
from importer.browser.job.progress import progress_context
from importer.browser.job.reasons import by_column
from importer.browser.visible import may_view_jobs, visible_job
from importer.browser.words import file_of, model_of, person, rows_of, spec_of, title_of
from importer.ledger import Figures
from importer.models import DataImportJob
from importer.quotes import Redaction
from importer.records import Counts
from importer.rejects.report import Report, make_report
from importer.review import may_approve
from importer.rights import has_right, may_run, may_undo

FATES = ("inserted", "updated", "unchanged", "skipped", "rejected")


@dataclass(frozen=True, slots=True)
class Step:
    """A next step: a link, or a button of a form of its own (`is_post`)."""

    label: str
    address: str
    is_post: bool = False
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A line about the job: a moment, a text, or both."""

    name: str
    text: str = ""
    at: datetime | None = None


@only("GET", "HEAD")
def show(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    job = visible_job(request, job_id)
    phase = phase_of(job)
    redaction = Redaction(request.user)
    report, figures = make_report(job), Figures.of(job)
    families = redaction.families(job, report.families)
    reads = redaction.reads(job)
    steps = next_steps(site, request.user, job, phase, report, reads_source=reads)
    redaction.of(job)  # from here on it must not be saved
    counts = report.counts
    return page(
        site,
        request,
        "story.html",
        title=title_of(job),
        job=job,
        phase=phase,
        lead=lead_of(job, phase, counts, report.families),
        figures=[(name, f"{getattr(counts, name):,}") for name in FATES],
        total=f"{counts.read:,}",
        is_balanced=report.is_balanced,
        notes=_notes(report, reads=reads),
        columns=by_column(families),
        facts=_facts(job),
        next_steps=steps,
        history=history_of(job, redaction),
        progress=address(site, "progress", job_id) if phase.moves else "",
        worker_command=START_WORKER
        if phase in (Phase.WAITING, Phase.UNDO_WAITS) and not has_workers()
        else "",
        record=_record(site, job) if may_view_jobs(request.user) else "",
        **progress_context(job, phase, figures),
    )


def _record(site: AdminSite, job: DataImportJob) -> str:
    return reverse(f"{site.name}:{job._meta.app_label}_{job._meta.model_name}_change", args=[job.pk])


def next_steps(
    site: AdminSite, user: Any, job: DataImportJob, phase: Phase, report: Report, *, reads_source: bool
) -> list[Step]:
    """Return what the person may do next, the most likely first."""
    at = job.pk
    steps: list[Step] = []
    if may_run(user, job):
        if phase.may_start:
            begins_anew = phase == Phase.FAILED and not report.counts.read
            label = "Start" if phase == Phase.NEW else "Start again" if begins_anew else "Resume"
            steps.append(Step(label, address(site, "run", at), is_post=True, is_main=True))
        elif phase in (Phase.RUNNING, Phase.WAITING) and not job.stop_requested:
            steps.append(Step("Stop", address(site, "stop", at), is_post=True))
    if phase == Phase.IN_REVIEW:
        label, is_main = ("Approve or decline", True) if may_approve(user, job) else ("See what waits", False)
        steps.append(Step(label, address(site, "approve", at), is_main=is_main))
    is_at_rest = not phase.moves and job.planned_at is not None
    if is_at_rest and report.kept and reads_source:
        if phase != Phase.UNDONE and may_run(user, job):
            steps.append(Step("Repair", address_if_any(site, "repair", at), is_main=True))
        steps.append(Step("Download rejects (CSV)", address(site, "rejects", at)))
    if is_at_rest and has_written(report.counts) and not job.unfinished_load and may_undo(user, job):
        label = "Undo the rest" if phase == Phase.UNDONE else "Undo"
        if (
            phase != Phase.UNDONE
            or job.undone + job.restored < report.counts.inserted + report.counts.updated
        ):
            steps.append(Step(f"{label} …", address(site, "undo", at)))
    if phase == Phase.COMPLETED:
        steps.append(Step("Certificate", address_if_any(site, "certificate", at)))
    steps.append(Step("Import the next file like this one", _next_file(site, user, job)))
    steps.append(
        Step(f"See the {rows_of(job)}", _rows(site, user, job) if has_written(report.counts) else "")
    )
    return [step for step in steps if step.address]


def has_written(counts: Counts) -> bool:
    return bool(counts.inserted or counts.updated)


def _next_file(site: AdminSite, user: Any, job: DataImportJob) -> str:
    model = model_of(job)
    begin = begin_address(site, user, model) if model else ""
    return begin and f"{begin}?like={job.pk}"


def _rows(site: AdminSite, user: Any, job: DataImportJob) -> str:
    """Return the address of the list of rows, where the person may see it."""
    model = model_of(job)
    if model is None or not (has_right(user, "view", model) or has_right(user, "change", model)):
        return ""
    try:
        return reverse(f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
    except NoReverseMatch:
        return ""


def _facts(job: DataImportJob) -> list[Fact]:
    by = f"by {person(job.created_by)}" if job.created_by else ""
    facts = [
        Fact("Source", f"{file_of(job)}, {job.get_format_display()}"),
        Fact("Into", f"{rows_of(job)}, with {spec_of(job)}"),
        Fact("Created", by, job.created_at),
    ]
    if job.started_at:
        facts.append(Fact("Last started", at=job.started_at))
    if took(job):
        facts.append(Fact("Ended", f"after {took(job)}", job.finished_at))
    if job.undone_at:
        facts.append(Fact("Undone", at=job.undone_at))
    return facts


def _notes(report: Report, *, reads: bool) -> list[str]:
    """Say what else is to be known. What names columns and values is for those who may read the source."""
    notes = []
    if report.set_aside:
        notes.append(
            f"{report.set_aside:,} records are set aside, because their key repeats; the end of the run decides them."
        )
    if report.replayed:
        notes.append(f"{report.replayed:,} were rejected first, and are in since.")
    if report.pruned:
        notes.append(f"{report.pruned:,} rejected records are no longer kept.")
    if report.erased:
        notes.append(f"{report.erased:,} rejected records were erased, because they named a person.")
    return notes + (report.notes if reads else [])
