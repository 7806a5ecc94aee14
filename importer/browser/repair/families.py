"""The first page of a repair: why records were rejected, and what would help."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from importer.browser.frame import address, only, page
from importer.browser.repair.access import Access, access_to, access_to_change, reason_in
from importer.browser.repair.files import MOST_CSV, MOST_XLSX
from importer.exceptions import ImporterError
from importer.models import DataImportJob
from importer.rejects.families import LOOKED_AT, Reason, Rejected, RejectedFamily, count_families, waiting
from importer.rejects.proposals import Proposal, proposals_for
from importer.rejects.reading import Reading
from importer.rejects.refused import RejectsRefused
from importer.rejects.repair import apply_rule
from importer.rejects.report import other_names, place_of
from importer.rejects.rules import Rule

# Families of a page: a spec's own messages may make thousands.
MOST_FAMILIES = 50
EXAMPLES, SHOWN = 3, 60
# Records of one repair in a request. The next press takes the next ones.
MOST_REPAIRED = 20_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A family as the page shows it."""

    family: RejectedFamily
    where: str
    records: str
    examples: list[tuple[str, int]] = field(default_factory=list)
    offered: list[tuple[Proposal, int]] = field(default_factory=list)


@only("GET", "HEAD", "POST")
def show(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    if request.method == "POST":
        return _repair(site, request, job_id)
    access = access_to(request, job_id)
    job = access.job
    rejected = _counted(request, job)
    reading, names = Reading.of(job), other_names(job)
    fixed = waiting(job, LOOKED_AT + 1, ("fixed",))
    return page(
        site,
        request,
        "repair.html",
        title=f"Repair the rejected records of {job}",
        job=job,
        access=access,
        families=[
            _shown(site, access, family, reading, names) for family in rejected.families[:MOST_FAMILIES]
        ],
        more=max(0, len(rejected.families) - MOST_FAMILIES),
        is_whole=rejected.is_whole,
        looked_at=LOOKED_AT,
        fixed=min(fixed, LOOKED_AT),
        is_more_fixed=fixed > LOOKED_AT,
        records=address(site, "repair_records", job.pk),
        downloads=[
            (kind, address(site, "repair_download", job.pk, kind.casefold()), most)
            for kind, most in (("CSV", MOST_CSV), ("XLSX", MOST_XLSX))
        ],
        upload=address(site, "repair_upload", job.pk),
        replay=address(site, "repair_replay", job.pk),
    )


def _counted(request: HttpRequest, job: DataImportJob) -> Rejected:
    if request.GET.get("count") == "all":
        try:
            return count_families(job, all_of_them=True)
        except RejectsRefused as refusal:
            messages.error(request, str(refusal))
    return count_families(job)


def _shown(
    site: AdminSite, access: Access, family: RejectedFamily, reading: Reading, names: dict[str, str]
) -> Shown:
    name = family.reason.field
    records = f"{address(site, 'repair_records', access.job.pk)}?{query_of(family)}"
    if not access.reads_source:
        # Messages and examples quote values; the pages of records show what may be read of them.
        family.message = ""
        is_readable = name in reading.columns
        return Shown(family, place_of(name, names.get(name, "")) if is_readable or not name else "", records)
    examples = [(text[:SHOWN], number) for text, number in list(family.values.items())[:EXAMPLES]]
    offered = [(found, access.number_of(found.column)) for found in proposals_for(family, reading)]
    return Shown(family, place_of(name, names.get(name, "")), records, examples, offered)


def query_of(family: RejectedFamily) -> str:
    """Return the part of an address that leads to the family's first record."""
    return urlencode(family.reason._asdict() | {"after": max(0, family.first_line - 1)})


def _repair(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    access = access_to_change(request, job_id)
    back = address(site, "repair", job_id)
    reason, column = reason_in(request.POST), access.column_of(request.POST.get("column", ""))
    if request.POST.get("from") == "records":
        query = urlencode(reason._asdict()) if reason else ""
        back = f"{address(site, 'repair_records', job_id)}?{query}"
    if column is None:
        messages.error(request, "Choose a column.")
        return HttpResponseRedirect(back)
    try:
        rule = Rule(request.POST.get("rule", ""), request.POST.get("given", ""), request.POST.get("to", ""))
        mended = apply_rule(access.job, column, rule, reason=reason, by=request.user, most=MOST_REPAIRED)
    except (ImporterError, ValueError) as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(back)
    _tell(request, mended, reason)
    return HttpResponseRedirect(back)


def _tell(request: HttpRequest, mended: int, reason: Reason | None) -> None:
    if not mended:
        messages.warning(request, "No record has such a value any more; nothing was changed.")
        return
    text = f"{mended:,} record{'s' if mended > 1 else ''} changed. Import them when you are done."
    if mended == MOST_REPAIRED:
        text += " There may be more: press again."
    messages.success(request, text)
