"""Names the addresses of the import pages, below those of the jobs in the admin."""

from functools import partial, update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.db import connections
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.module_loading import import_string

from importer.browser import start
from importer.browser.job import progress, rejects, run, story, undo
from importer.browser.names import name_of


def later(name: str) -> Any:
    """Return a view that is loaded when it is called: with Polars, which not every command of a site should load."""

    def view(site: AdminSite, request: HttpRequest, **kwargs: Any) -> Any:
        return import_string(f"importer.browser.{name}")(site, request, **kwargs)

    # A page may import records, and each batch is a transaction of its own: not one of the request (ATOMIC_REQUESTS).
    view._non_atomic_requests = set(connections)  # type: ignore[attr-defined]
    return view


# (address, view, name); the view gets the admin site, the request, and what the address names.
PAGES: list[tuple[str, Any, str]] = [
    ("start/", start.show, "start"),
    ("begin/<str:label>/", later("draft.begin.show"), "begin"),
    ("begin/<str:label>/template.csv", later("draft.begin.template"), "template"),
    ("draft/<int:draft_id>/file/", later("draft.file.show"), "file"),
    ("draft/<int:draft_id>/columns/", later("draft.columns.show"), "columns"),
    ("draft/<int:draft_id>/values/", later("draft.values.show"), "values"),
    ("draft/<int:draft_id>/check/", later("draft.check.show"), "check"),
    ("<int:job_id>/story/", story.show, "story"),
    ("<int:job_id>/progress/", progress.show, "progress"),
    ("<int:job_id>/start/", run.start, "run"),
    ("<int:job_id>/stop/", run.stop, "stop"),
    ("<int:job_id>/rejects.csv", rejects.download, "rejects"),
    ("<int:job_id>/undo/", undo.show, "undo"),
    ("<int:job_id>/repair/", later("repair.families.show"), "repair"),
    ("<int:job_id>/repair/records/", later("repair.records.show"), "repair_records"),
    ("<int:job_id>/repair/download.<slug:kind>", later("repair.files.download"), "repair_download"),
    ("<int:job_id>/repair/upload/", later("repair.files.upload"), "repair_upload"),
    ("<int:job_id>/repair/replay/", later("repair.replay.replay"), "repair_replay"),
    ("<int:job_id>/certificate/", later("job.certificate.show"), "certificate"),
    ("<int:job_id>/approve/", later("job.approve.show"), "approve"),
]


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the addresses for `ModelAdmin.get_urls`. Each page asks the site's own `has_permission` first."""
    return [
        # The view's own marks (no transaction around it, say) must not get lost.
        path(address, site.admin_view(update_wrapper(partial(view, site), view)), name=name_of(name))
        for address, view, name in PAGES
    ]
