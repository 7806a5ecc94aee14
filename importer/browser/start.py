"""The start page of imports: begin one, what runs, what needs me, what was done lately."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from importer.browser.begin_address import begin_address
from importer.browser.frame import address, only, page
from importer.browser.job.phase import ENDED, Phase, all_waiting, phase_of
from importer.browser.job.progress import pace_of
from importer.browser.targets import targets_for
from importer.browser.visible import jobs_to_open, may_view_jobs
from importer.browser.words import counted, title_of, were
from importer.ledger import Figures
from importer.models import DataImportJob, ImportDraft

Status = DataImportJob.Status
SHOWN = 20
# Of those that do not run, who still wants something of a person.
WAITS_FOR_ME = Q(undone_at__isnull=True) & (
    Q(status__in=(Status.PENDING, Status.STOPPED, Status.FAILED, Status.AWAITING_APPROVAL))
    | Q(status=Status.COMPLETED, rejected__gt=0)
)
DONE = Q(undone_at__isnull=False) | Q(status=Status.COMPLETED, rejected=0)


@dataclass(frozen=True, slots=True)
class Line:
    """A job in a list: its title, what is to be said of it, when, and its story. `percent`: of one that runs."""

    title: str
    text: str
    at: datetime
    address: str
    percent: int | None = None


@only("GET", "HEAD")
def show(site: AdminSite, request: HttpRequest) -> HttpResponse:
    jobs = jobs_to_open(request.user).defer("contested", "columns")
    waiting = all_waiting()
    moving = jobs.filter(Q(status=Status.RUNNING) | Q(pk__in=waiting)).order_by("-created_at")
    phases = [(job, phase_of(job)) for job in moving[:SHOWN]]
    running = [(job, phase) for job, phase in phases if phase.moves]
    lost = [(job, phase) for job, phase in phases if not phase.moves]
    latest = F("finished_at").desc(nulls_first=True), "-pk"
    needs = jobs.filter(WAITS_FOR_ME).exclude(pk__in=waiting).order_by(*latest)[:SHOWN]
    done = jobs.filter(DONE).order_by(*latest)[:SHOWN]
    return page(
        site,
        request,
        "start.html",
        title="Import",
        targets=[
            (target.name, begin_address(site, request.user, target.model))
            for target in targets_for(request.user)
        ],
        drafts=[_draft(site, draft) for draft in _unfinished(request.user)],
        running=[_line(site, job, phase) for job, phase in running],
        needs=[_line(site, job, phase) for job, phase in [*lost, *((job, _at_rest(job)) for job in needs)]],
        done=[_line(site, job, _at_rest(job)) for job in done],
        all_jobs=_all_jobs(site) if may_view_jobs(request.user) else "",
    )


def _unfinished(user: Any) -> QuerySet[ImportDraft]:
    """Return the person's drafts of which no job came, the latest first."""
    return ImportDraft.objects.filter(created_by=user.pk, job=None).order_by("-updated_at")[:SHOWN]


def _draft(site: AdminSite, draft: ImportDraft) -> Line:
    step = "check" if draft.checked else "columns"
    at = address(site, step, draft.pk)
    return Line(draft.filename, f"into {draft.target}, not imported yet", draft.updated_at, at)


def _all_jobs(site: AdminSite) -> str:
    return reverse(f"{site.name}:{DataImportJob._meta.app_label}_dataimportjob_changelist")


def _at_rest(job: DataImportJob) -> Phase:
    """Return the phase of a job that neither runs nor waits in the queue."""
    return Phase.UNDONE if job.undone_at else ENDED[Status(job.status)]


def _line(site: AdminSite, job: DataImportJob, phase: Phase) -> Line:
    pace = pace_of(job, Figures.of(job)) if phase == Phase.RUNNING else None
    text = pace.words if pace else _said(job, phase)
    at = job.undone_at or job.finished_at or job.started_at or job.created_at
    return Line(title_of(job), text, at, address(site, "story", job.pk), pace.percent if pace else None)


def _said(job: DataImportJob, phase: Phase) -> str:
    """Say in a few words what became of a job. The page of the job has the reasons."""
    arrived = job.inserted + job.updated + job.unchanged
    completed = f"{arrived:,} of {counted(job.read, 'record')} in"
    said = {
        Phase.NEW: "ready to start",
        Phase.WAITING: "waits for a worker",
        Phase.LOST: "interrupted: its process is gone",
        Phase.STOPPED: "stopped",
        Phase.FAILED: "failed",
        Phase.IN_REVIEW: "waits for approval",
        Phase.UNDO_WAITS: "its undo waits for a worker",
        Phase.UNDOING: "is being undone",
        Phase.UNDONE: f"undone: {counted(job.undone, 'row')} {were(job.undone)} deleted",
    }
    rejected = f", {job.rejected:,} rejected" if job.rejected else ""
    return said.get(phase, f"{completed}{rejected}")
