"""The screen of the check: what an import would do, why records are rejected, repairs of one click, and the import."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from importer.browser.draft.checked import checked_now, mark_of, repaired_options
from importer.browser.draft.drafts import screen, steps_of, verify
from importer.browser.draft.job import make_job_once, unsaved_mapping
from importer.browser.frame import address, address_of_job, only, page
from importer.browser.job.run import begin_run
from importer.models import DataImportJob, ImportDraft
from importer.records import FATES
from importer.rights import may_run
from importer.suggest.python.stored import mapping_as_python


@only("GET", "HEAD", "POST")
@screen("check")
def show(site: AdminSite, request: HttpRequest, draft: ImportDraft, model: Any) -> HttpResponse:
    if request.method == "POST":
        if "import" in request.POST:
            return _import(site, request, draft, model)
        if "repair" in request.POST:
            field, _, number = request.POST["repair"].rpartition(".")
            draft.change(options=repaired_options(draft, field, number))
        draft.change(checked=checked_now(draft, model, request.user))
        return redirect(address(site, "check", draft.pk))
    verify(draft, model)
    checked = draft.checked if draft.checked and draft.checked["of"] == mark_of(draft) else None
    imported = _imported(draft)
    return page(
        site,
        request,
        "check.html",
        title=draft.filename,
        steps=steps_of(site, draft, "check"),
        draft=draft,
        imported=address_of_job(site, imported.pk) if imported else "",
        checked=checked,
        figures=[(name, checked["figures"][name]) for name in FATES] if checked else [],
        families=_with_addresses(site, draft, checked),
        differences=_differences(checked),
        python=mapping_as_python(unsaved_mapping(draft, model)),
    )


def _with_addresses(
    site: AdminSite, draft: ImportDraft, checked: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the families, each with the address of the screen where it can be put right."""
    families = checked["families"] if checked else []
    return [f | {"address": address(site, f["remedy"], draft.pk) if f["remedy"] else ""} for f in families]


def _differences(checked: dict[str, Any] | None) -> list[tuple[str, list[Any]]]:
    """Return rows that would change, by their keys, each with the columns that differ: before and after."""
    updated = checked["updated"] if checked else []
    return [(", ".join(change["key"]), list(change["changes"].items())) for change in updated]


def _imported(draft: ImportDraft) -> DataImportJob | None:
    """Return the job that has imported the draft, or is about to, unless it was undone."""
    return draft.job if draft.job and not draft.job.undone_at else None


def _import(site: AdminSite, request: HttpRequest, draft: ImportDraft, model: Any) -> HttpResponse:
    if job := _imported(draft):
        messages.warning(
            request, "This file was imported already. Undo that first, or begin with the file anew."
        )
        return redirect(address_of_job(site, job.pk))
    job = make_job_once(draft, model, request.user)
    if may_run(request.user, job):
        begin_run(request, job, "started it")
    return redirect(address_of_job(site, job.pk))
