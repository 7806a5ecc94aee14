"""The page on which a second person approves an import, or declines it."""

from typing import Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.dateparse import parse_datetime

from importer.browser.frame import address, only, page
from importer.exceptions import ImporterError
from importer.models import DataImportJob
from importer.rejects.report import place_of
from importer.review import approval_of, approve, decline, may_approve
from importer.rights import may_read_source, may_see


@only("GET", "HEAD", "POST")
def show(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    job = DataImportJob.objects.filter(pk=job_id).first()
    if job is None or not may_see(request.user, job):
        raise Http404
    if request.method == "POST":
        _decide(request, job)
        return HttpResponseRedirect(address(site, "approve", job.pk))
    found = approval_of(job)
    proposal = found.proposal or {}
    context = {
        "job": job,
        "approval": found,
        "figures": proposal.get("figures"),
        "token": proposal.get("token", ""),
        "made_at": parse_datetime(proposal.get("made_at", "")),
        "may_decide": may_approve(request.user, job),
        "is_owner": job.created_by_id == request.user.pk,
        "may_read": may_read_source(request.user, job),
    }
    if context["may_read"]:
        context |= _quoted(proposal)
    return page(site, request, "approve.html", title=f"Approve import {job.pk}", **context)


def _quoted(proposal: dict[str, Any]) -> dict[str, Any]:
    """Return what quotes the source: examples of changes, reasons of rejections, notes."""
    sample = proposal.get("sample", {})
    inserted = sample.get("inserted", [])
    rejects = [
        family | {"where": place_of(family["field"], family["column"])}
        for family in proposal.get("rejects", [])
    ]
    return {
        "names": list(inserted[0]) if inserted else [],
        "inserted": [list(row.values()) for row in inserted],
        "updated": sample.get("updated", []),
        "rejects": rejects,
        "notes": proposal.get("notes", []),
    }


def _decide(request: HttpRequest, job: DataImportJob) -> None:
    token = request.POST.get("token", "")
    try:
        if "decline" in request.POST:
            decline(job, request.user, request.POST.get("reason", "")[:500], token=token or "none")
            messages.success(request, "Declined. Nothing was written.")
            return
        approve(job, request.user, token=token or "none")
    except ImporterError as refusal:
        messages.error(request, str(refusal))
        return
    messages.success(request, f"Approved. {_run(job, request.user)}")


def _run(job: DataImportJob, user: Any) -> str:
    """Have a worker run the job for the person who created it, and say how it goes on."""
    if not apps.is_installed("procrastinate.contrib.django"):
        return f"`manage.py run_import {job.pk}` runs it."
    from importer.executors import queue

    queue.enqueue_run(job.pk, job.created_by_id or user.pk)
    return "It is queued for the workers."
