"""Downloads the rejected records of a job."""

import tempfile
from typing import Any, TextIO, cast

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from importer.browser.frame import address, only
from importer.browser.visible import job_for
from importer.exceptions import ImporterError
from importer.rejects.export import export_rejects
from importer.rights import may_read_source


@only("GET", "HEAD")
def download(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponseBase:
    """Send them as CSV, with their reasons. They are whole records of the source, so one must be allowed to read it."""
    job = job_for(request, job_id, may_read_source)
    file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 (the response closes it)
    try:
        export_rejects(job, cast(TextIO, file))
    except ImporterError as error:
        file.close()
        messages.error(request, f"The rejected records cannot be written: {error}")
        return redirect(address(site, "story", job_id))
    content: Any = file.detach()  # the text around it would close it
    content.seek(0)
    response = FileResponse(content, as_attachment=True, filename=f"rejects-{job_id}.csv")
    response["Content-Type"] = "text/csv; charset=utf-8"
    response["Cache-Control"] = "no-store"
    return response
