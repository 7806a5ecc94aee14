"""Renders a page of the import within the site's admin."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from importer.browser.names import name_of


def address(site: AdminSite, page: str, *args: Any) -> str:
    """Return the address of a page."""
    return reverse(f"{site.name}:{name_of(page)}", args=args)


def page(
    site: AdminSite, request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any
) -> HttpResponse:
    """Render a template that extends `importer/page.html`."""
    frame = site.each_context(request) | {"title": title, "start": address(site, "start")}
    response = render(request, f"importer/{template}", frame | context, status=status)
    response["Cache-Control"] = "no-store"  # pages quote records
    return response
