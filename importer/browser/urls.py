"""Names the addresses of the import pages, below those of the jobs in the admin."""

from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path

from importer.browser import begin, check, columns, file, start, values
from importer.browser.names import name_of

# (address, view, name); the view gets the admin site, the request, and what the address names.
PAGES: list[tuple[str, Any, str]] = [
    ("start/", start.show, "start"),
    ("begin/<str:label>/", begin.show, "begin"),
    ("begin/<str:label>/template.csv", begin.template, "template"),
    ("draft/<int:draft_id>/file/", file.show, "file"),
    ("draft/<int:draft_id>/columns/", columns.show, "columns"),
    ("draft/<int:draft_id>/values/", values.show, "values"),
    ("draft/<int:draft_id>/check/", check.show, "check"),
]


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the addresses for `ModelAdmin.get_urls`. Each page asks the site's own `has_permission` first."""
    return [
        path(address, site.admin_view(partial(view, site)), name=name_of(name))
        for address, view, name in PAGES
    ]
