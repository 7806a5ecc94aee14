"""The start page of imports: begin one, what runs, what needs me."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse

from importer.browser.frame import allows, page
from importer.browser.targets import targets_for


@allows("GET")
def show(site: AdminSite, request: HttpRequest) -> HttpResponse:
    return page(site, request, "start.html", title="Import", targets=targets_for(request.user))
