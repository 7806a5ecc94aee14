"""Shows how far a run is, from the ledger's figures, and again every two seconds."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils import timezone

from importer.browser.frame import only
from importer.browser.job.phase import Phase, phase_of
from importer.browser.visible import visible_job
from importer.browser.words import counted, duration
from importer.ledger import Figures
from importer.models import DataImportJob, LogEvent, MigrationLog


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a job is: per cent, records read and rejected, and how fast its run is (None, "": not known yet)."""

    percent: int
    read: int
    rejected: int
    rate: float | None = None
    left: str = ""

    @property
    def words(self) -> str:
        pace = f" {self.rate:,.0f} a second, {self.left} left." if self.rate else ""
        return f"{counted(self.read, 'record')} read, {self.rejected:,} rejected.{pace}"


def pace_of(job: DataImportJob, figures: Figures) -> Pace:
    """Measure the current run from where its workers began."""
    pace = Pace(int(100 * figures.part) if job.planned_at else 0, figures.records, figures.counts.rejected)
    begun = MigrationLog.objects.filter(job=job, event=LogEvent.EXECUTING).order_by("-id").first()
    if begun is None or "part" not in begun.details:
        return pace
    seconds = (timezone.now() - begun.logged_at).total_seconds()
    records, part = figures.records - begun.details["records"], figures.part - begun.details["part"]
    if seconds <= 0 or records <= 0 or part <= 0:
        return pace
    left = duration((1 - figures.part) * seconds / part)
    return Pace(pace.percent, pace.read, pace.rejected, rate=records / seconds, left=left)


@only("GET", "HEAD")
def show(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    """Answer with the element alone, or with 304 where nothing has moved. The header Phase tells when to reload."""
    job = visible_job(request, job_id)
    phase = phase_of(job)
    figures = Figures.of(job)
    mark = f'"{phase}-{job.stop_requested:d}-{figures.records}-{figures.counts.rejected}-{job.undone}"'
    response: HttpResponse
    if request.headers.get("If-None-Match") == mark:
        response = HttpResponseNotModified()
    else:
        response = render(request, "importer/progress.html", progress_context(job, phase, figures))
    response["ETag"], response["Phase"] = mark, phase.value
    return response


def progress_context(job: DataImportJob, phase: Phase, figures: Figures) -> dict[str, Any]:
    return {
        "pace": pace_of(job, figures) if phase == Phase.RUNNING else None,
        "undone": f"{counted(job.undone, 'row')} deleted so far." if phase == Phase.UNDOING else "",
    }
