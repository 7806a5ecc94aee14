"""The certificate of an import, to print and sign: what came from where, what became of it, who verified it."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from importer.browser.frame import address, only, page
from importer.exceptions import ImporterError, MappingRefused, UnknownSpec
from importer.models import DataImportJob, ImportMapping, LogEvent, MigrationLog
from importer.rejects.report import make_report
from importer.review import approval_of
from importer.rights import may_read_source, may_see
from importer.sources.parts import sources_of
from importer.specs.registry import get_spec
from importer.specs.stored import NAME
from importer.verify.verified import KINDS, ColumnSums
from importer.verify.verify import last_verification, verify_import

# Records that are verified while the browser waits; more are left to a worker.
AT_ONCE = 50_000
# Files, reasons, columns and differences that fit onto the page.
FILES, REASONS, COLUMNS, DIFFERENCES = 5, 8, 12, 8


@dataclass(frozen=True, slots=True)
class Verification:
    """The latest verification as the certificate shows it.

    columns      name, the source's figures and the table's in words, and whether they are the same
    differences  sentences about each kind
    examples     the first ones: place and fields
    outdated     what has happened since, if it may have changed the result
    """

    entry: MigrationLog
    is_signed_off: bool
    columns: list[tuple[str, str, str, bool]]
    more_columns: int
    differences: list[str]
    examples: list[dict[str, Any]]
    outdated: str

    @classmethod
    def of(cls, job: DataImportJob) -> "Verification | None":
        entry = last_verification(job)
        if entry is None:
            return None
        result = entry.details["result"]
        sums = [
            ColumnSums(each["name"], each["is_number"], tuple(each["source"]), tuple(each["table"]))
            for each in result["columns"]
        ]
        return cls(
            entry,
            result["signed_off"],
            [(c.name, c.in_words(c.source), c.in_words(c.table), c.is_same) for c in sums[:COLUMNS]],
            max(0, len(sums) - COLUMNS),
            [
                said.format(f"{result['differences'][k]:,}")
                for k, said in KINDS.items()
                if k in result["differences"]
            ],
            [each | {"kind": each["kind"].replace("_", " ")} for each in result["examples"][:DIFFERENCES]],
            _outdated(job, entry),
        )


def _outdated(job: DataImportJob, entry: MigrationLog) -> str:
    since = MigrationLog.objects.filter(job=job, pk__gt=entry.pk)
    if since.filter(event=LogEvent.UNDONE).exists():
        return "The import was undone since."
    if since.filter(event=LogEvent.REPLAYED).exists():
        return "Rejected records were imported since; verify it again."
    return ""


@only("GET", "HEAD", "POST")
def show(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    job = DataImportJob.objects.filter(pk=job_id).first()
    if job is None or not may_see(request.user, job) or not may_read_source(request.user, job):
        raise Http404
    if request.method == "POST":
        _verify(request, job)
        return HttpResponseRedirect(address(site, "certificate", job.pk))
    report = make_report(job)
    sources = sources_of(job)
    context: dict[str, Any] = {
        "job": job,
        "report": report,
        "counts": report.counts,
        "reasons": report.families[:REASONS],
        "more_reasons": max(0, len(report.families) - REASONS),
        "sources": sources[:FILES],
        "file_name": sources[0].rpartition("/")[2] or sources[0],
        "more_sources": max(0, len(sources) - FILES),
        "fills": _model_name(job),
        "mapping": _mapping_name(job),
        "verification": Verification.of(job),
        "approval": approval_of(job),
    }
    return page(site, request, "certificate.html", title=f"Certificate of import {job.pk}", **context)


def _verify(request: HttpRequest, job: DataImportJob) -> None:
    """Verify a small job now, and let a worker verify a large one."""
    if job.read > AT_ONCE and apps.is_installed("procrastinate.contrib.django"):
        from importer.executors import queue

        is_new = queue.enqueue_verification(job.pk, request.user.pk)
        text = (
            "A worker verifies it; load this page again in a while."
            if is_new
            else "It is already in the queue."
        )
        messages.info(request, text)
        return
    if job.read > AT_ONCE:
        messages.warning(request, f"This takes too long for a page; use `manage.py verify_import {job.pk}`.")
        return
    try:
        verified = verify_import(job, by=request.user.get_username())
    except ImporterError as refusal:
        messages.error(request, str(refusal))
    else:
        done = "Verified and signed off." if verified.is_signed_off else "Verified: there are differences."
        (messages.success if verified.is_signed_off else messages.warning)(request, done)


def _model_name(job: DataImportJob) -> str:
    try:
        return str(get_spec(job.spec).options.model._meta.verbose_name_plural)
    except (UnknownSpec, MappingRefused):
        return job.spec


def _mapping_name(job: DataImportJob) -> str:
    match = NAME.fullmatch(job.spec)
    mapping = ImportMapping.objects.filter(pk=int(match[1])).first() if match else None
    return f"{mapping} ({job.spec})" if mapping else job.spec
