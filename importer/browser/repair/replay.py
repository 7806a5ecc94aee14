"""Imports repaired records: as many as a request has time for."""

from collections.abc import Collection

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from importer.browser.frame import address, only
from importer.browser.repair.access import access_to_change, reason_in
from importer.exceptions import ImporterError
from importer.models import DataImportJob
from importer.rejects.families import lines_of
from importer.rejects.replay import replay_rejects

# Records and seconds of one request. The next press goes on; the command has no bounds.
MOST, SECONDS = 2_000, 10.0


@only("POST")
def replay(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    """Import the fixed records again, or those of a family."""
    access = access_to_change(request, job_id)
    lines = lines_of(access.job, reason_in(request.POST), MOST + 1)
    replay_and_tell(request, access.job, lines[:MOST], more=len(lines) > MOST)
    return HttpResponseRedirect(address(site, "repair", job_id))


def replay_and_tell(
    request: HttpRequest, job: DataImportJob, lines: Collection[int], *, more: bool = False
) -> None:
    if not lines:
        messages.warning(request, "There is nothing to import: no record was changed.")
        return
    try:
        counts = replay_rejects(job, lines=lines, seconds=SECONDS, by=request.user)
    except ImporterError as refusal:
        messages.error(request, str(refusal))
        return
    imported = {"new": counts.inserted, "updated": counts.updated, "unchanged": counts.unchanged,
                "skipped": counts.skipped}  # fmt: skip
    told = ", ".join(f"{number:,} {name}" for name, number in imported.items() if number)
    texts = [f"{counts.read - counts.rejected:,} records imported{f' ({told})' if told else ''}."]
    if counts.rejected:
        texts.append(f"{counts.rejected:,} were rejected again.")
    if counts.left:
        texts.append(f"{counts.left:,} were not tried, because nobody has changed them yet.")
    if more or counts.stopped:
        texts.append(f"More are waiting: press again, or run `manage.py replay_rejects {job.pk}`.")
    level = messages.WARNING if counts.rejected or counts.left else messages.SUCCESS
    messages.add_message(request, level, " ".join(texts))
