"""Renders a page of the import within the site's admin."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from importer.browser.names import name_of
from importer.naming import app_label

View = Callable[..., HttpResponse]


def allows(*methods: str) -> Callable[[View], View]:
    """Answer other methods with 405. Django's own decorator expects the request first."""

    def decorated(view: View) -> View:
        @functools.wraps(view)
        def checked(site: AdminSite, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods and not (request.method == "HEAD" and "GET" in methods):
                return HttpResponseNotAllowed(methods)
            return view(site, request, *args, **kwargs)

        return checked

    return decorated


def address(site: AdminSite, page: str, *args: Any) -> str:
    """Return the address of a page."""
    return reverse(f"{site.name}:{name_of(page)}", args=args)


def address_of_job(site: AdminSite, job_id: int) -> str:
    """Return the address of a job's story."""
    try:
        return address(site, "story", job_id)
    except NoReverseMatch:
        return reverse(f"{site.name}:{app_label()}_dataimportjob_change", args=[job_id])


def page(
    site: AdminSite, request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any
) -> HttpResponse:
    """Render a template that extends `importer/page.html`."""
    frame = site.each_context(request) | {"title": title, "start": address(site, "start")}
    response = render(request, f"importer/{template}", frame | context, status=status)
    response["Cache-Control"] = "no-store"  # pages quote records
    return response
