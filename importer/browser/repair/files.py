"""Downloads rejected records, and takes the repaired file."""

import io
import tempfile
from pathlib import Path
from typing import IO, Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied, SuspiciousFileOperation
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.utils.text import get_valid_filename

from importer.browser.frame import address, only
from importer.browser.repair.access import access_to, access_to_change
from importer.conf import MEGABYTE
from importer.exceptions import ImporterError
from importer.models import DataImportJob
from importer.rejects.export import export_rejects
from importer.rejects.repair import take_file
from importer.rejects.workbook import write_workbook
from importer.sources.spool.folder import spool_folder

# Records of a download, which a request has time for; `export_rejects` writes any number.
MOST_CSV, MOST_XLSX = 50_000, 20_000
# nginx lets no larger body through.
MOST_BYTES = 15 * MEGABYTE
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@only("GET", "HEAD")
def download(site: AdminSite, request: HttpRequest, job_id: int, kind: str) -> Any:
    """Send the rejected records to a person who may read the whole source."""
    access = access_to(request, job_id)
    if kind not in ("csv", "xlsx"):
        raise Http404
    if not access.reads_source:
        raise PermissionDenied
    file = tempfile.TemporaryFile(dir=spool_folder())  # noqa: SIM115 (the response closes it)
    try:
        left_out = _write(access.job, file, kind)
    except ImporterError as refusal:
        file.close()
        messages.error(request, str(refusal))
        return HttpResponseRedirect(address(site, "repair", job_id))
    if left_out:
        warning = f"{left_out:,} records have cells that no workbook can hold; they are in the CSV."
        messages.warning(request, warning)
    file.seek(0)
    name = f"rejected-{job_id}.{kind}"
    response = FileResponse(
        file,
        as_attachment=True,
        filename=name,
        content_type=XLSX if kind == "xlsx" else "text/csv; charset=utf-8",
    )
    response["Cache-Control"] = "no-store"
    return response


def _write(job: DataImportJob, file: IO[bytes], kind: str) -> int:
    """Write the file, and return how many records it leaves out."""
    if kind == "xlsx":
        return write_workbook(job, file, most=MOST_XLSX).left_out
    text = io.TextIOWrapper(
        file, encoding="utf-8-sig", newline=""
    )  # the mark has Excel read the file as UTF-8
    export_rejects(job, text, most=MOST_CSV, versions=True)
    text.detach()
    return 0


@only("POST")
def upload(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    """Take the values of a repaired file, all or nothing."""
    access = access_to_change(request, job_id)
    if not access.reads_source:
        raise PermissionDenied
    back = HttpResponseRedirect(address(site, "repair", job_id))
    sent: Any = request.FILES.get("file")
    if sent is None:
        messages.error(request, "Choose the repaired file.")
        return back
    if sent.size > MOST_BYTES:
        most = f"{MOST_BYTES // MEGABYTE} MB"
        messages.error(
            request, f"The file is larger than {most}; use `manage.py replay_rejects {job_id} FILE`."
        )
        return back
    with tempfile.TemporaryDirectory(dir=spool_folder()) as folder:
        path = Path(folder) / _name_of(sent.name)
        with path.open("wb") as file:
            for chunk in sent.chunks():
                file.write(chunk)
        try:
            overwrite = bool(request.POST.get("overwrite"))
            taken = take_file(access.job, path, by=request.user, overwrite=overwrite, most=MOST_CSV)
        except ImporterError as refusal:
            messages.error(request, f"Nothing was changed. {refusal}")
            return back
    texts = [f"{taken.mended:,} records taken from the file. Import them when you are done."]
    if taken.left:
        texts.append(f"{taken.left:,} could not be split into columns and have no fields yet.")
    if taken.passed_over:
        texts.append(f"{taken.passed_over:,} were imported already.")
    messages.success(request, " ".join(texts))
    return back


def _name_of(name: str) -> str:
    try:
        return get_valid_filename(name)[-100:]
    except SuspiciousFileOperation:
        return "rejects"
