"""Renders a page of the import within the site's admin."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from importer.browser.names import name_of

View = Callable[..., HttpResponseBase]


def only(*methods: str) -> Callable[[View], View]:
    """Refuse requests with other methods. Django's own decorators take the first argument for the request."""

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(site: AdminSite, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(site, request, *args, **kwargs)

        return inner

    return decorate


def address(site: AdminSite, page: str, *args: Any) -> str:
    """Return the address of a page."""
    return reverse(f"{site.name}:{name_of(page)}", args=args)


def address_if_any(site: AdminSite, page: str, *args: Any) -> str:
    """Return the address of a page; empty if the site has no such page."""
    try:
        return address(site, page, *args)
    except NoReverseMatch:
        return ""


def address_of_job(site: AdminSite, job_id: int) -> str:
    """Return the address of a job's story."""
    return address(site, "story", job_id)


def page(
    site: AdminSite, request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any
) -> HttpResponse:
    """Render a template that extends `importer/page.html`."""
    frame = site.each_context(request) | {"title": title, "start": address(site, "start")}
    response = render(request, f"importer/{template}", frame | context, status=status)
    response["Cache-Control"] = "no-store"  # pages quote records
    return response
