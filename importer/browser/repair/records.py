"""Rejected records as a table whose bad cells are inputs, and one record with all its columns."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.dateparse import parse_datetime

from importer.browser.frame import address, only, page
from importer.browser.repair.access import Access, access_to, access_to_change, number_in, reason_in
from importer.browser.repair.replay import replay_and_tell
from importer.browser.repair.table import Entered, one_record, table_of
from importer.exceptions import ImporterError
from importer.models import StagingRecord
from importer.quotes import Redaction
from importer.rejects.families import Reason, RecordsPage, page_of
from importer.rejects.reading import Reading
from importer.rejects.repair import Change, change_cells
from importer.rejects.report import other_names, place_of

State = StagingRecord.State
CONFLICT = (
    "Somebody has changed this record since you saw it. It has these values now, and yours in the boxes."
)
GONE = "Somebody has imported or erased this record since you saw it."
UNSPLIT = "This record could not be split into columns; give it all its fields."


@only("GET", "HEAD", "POST")
def show(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    if request.method == "POST":
        return _save(site, request, job_id)
    return _page(site, request, access_to(request, job_id))


def _page(
    site: AdminSite,
    request: HttpRequest,
    access: Access,
    *,
    entered: Entered | None = None,
    told: dict[int, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    entered, told = entered or {}, told or {}
    line = number_in(request.GET, "line", -1)
    if line >= 0:
        return _one(site, request, access, line, entered, told, status)
    reason, after = reason_in(request.GET), number_in(request.GET, "after", -1)
    reading = Reading.of(access.job)
    found = page_of(access.job, reason, after)
    redaction = Redaction(request.user)
    records = [redaction.of(record) for record in found.records]
    for gone in told.keys() - {record.line for record in records}:
        messages.error(request, f"{access.job.place_of(gone).capitalize()}: {GONE}")
    bad = [
        column for column in (reading.columns_of(reason.field) if reason else ()) if column in access.columns
    ]
    return page(
        site,
        request,
        "repair_records.html",
        title=_title(access, reason),
        status=status,
        job=access.job,
        access=access,
        reason=reason,
        columns=[(access.number_of(column), column) for column in access.columns],
        bad=access.number_of(bad[0]) if bad else None,
        table=table_of(access, records, reading, reason, entered, told),
        following=_following(found, reason),
        here=request.get_full_path(),
        repair=address(site, "repair", access.job.pk),
        is_again=status != 200,
    )


def _one(
    site: AdminSite,
    request: HttpRequest,
    access: Access,
    line: int,
    entered: Entered,
    told: dict[int, str],
    status: int,
) -> HttpResponse:
    states = [State.REJECTED, State.FIXED]
    record = StagingRecord.objects.filter(job=access.job, line=line, state__in=states).first()
    if record is None:
        if told:
            messages.error(request, GONE)
            return HttpResponseRedirect(address(site, "repair", access.job.pk))
        raise Http404("There is no such rejected record.")
    record.job = access.job
    record = Redaction(request.user).of(record)
    start = number_in(request.GET, "from", 0)
    column = access.column_of(request.GET.get("column", ""))
    return page(
        site,
        request,
        "repair_record.html",
        title=f"{access.job.place_of(line).capitalize()} of {access.job}",
        status=status,
        job=access.job,
        access=access,
        record=one_record(access, record, Reading.of(access.job), start, column, entered, told),
        here=request.get_full_path(),
        address=request.path,
        repair=address(site, "repair", access.job.pk),
    )


def _title(access: Access, reason: Reason | None) -> str:
    if reason is None:
        return f"Rejected records of {access.job}"
    return f"{place_of(reason.field, other_names(access.job).get(reason.field, ''))}: {reason.code}"


def _following(found: RecordsPage, reason: Reason | None) -> str:
    if found.after is None:
        return ""
    return "?" + urlencode((reason._asdict() if reason else {}) | {"after": found.after})


def _save(site: AdminSite, request: HttpRequest, job_id: int) -> HttpResponse:
    access = access_to_change(request, job_id)
    changes = changes_in(request, access)
    try:
        done = change_cells(access.job, changes, by=request.user)
    except ImporterError as refusal:
        messages.error(request, str(refusal))
        return _page(site, request, access, entered={c.line: c.cells for c in changes}, status=409)
    if done.mended:
        number = len(done.mended)
        messages.success(request, f"{number:,} record{'s' if number > 1 else ''} changed.")
    if request.POST.get("then") == "import":
        failed = {*done.meanwhile, *done.unsplit}
        replay_and_tell(request, access.job, [c.line for c in changes if c.line not in failed])
    elif not (done.mended or done.meanwhile or done.unsplit):
        messages.warning(request, "Nothing was changed.")
    told = dict.fromkeys(done.meanwhile, CONFLICT) | dict.fromkeys(done.unsplit, UNSPLIT)
    if told:
        messages.error(request, f"{len(told):,} were not saved; see beside them.")
        return _page(
            site,
            request,
            access,
            entered={c.line: c.cells for c in changes if c.line in told},
            told=told,
            status=409,
        )
    if number_in(request.GET, "line", -1) >= 0:
        return HttpResponseRedirect(address(site, "repair_records", job_id))
    return HttpResponseRedirect(request.get_full_path())


def changes_in(request: HttpRequest, access: Access) -> list[Change]:
    """Read the form: `seen-17` is when line 17 was shown, and `cell-17-3` its text in the fourth column.

    A text area sends each end of a line as two characters, so those of the stored text are put back.
    """
    cells: dict[int, dict[str, str]] = {}
    seen: dict[int, dt.datetime] = {}
    for name, text in request.POST.items():
        kind, _, rest = name.partition("-")
        line, _, number = rest.partition("-")
        if kind not in ("seen", "cell") or not (line.isascii() and line.isdecimal() and len(line) < 19):
            continue
        if kind == "seen":
            moment = _moment(str(text))
            if moment is not None:
                seen[int(line)] = moment
        elif (column := access.column_of(number)) is not None:
            cells.setdefault(int(line), {})[column] = str(text)
    stored = {
        record.line: record.raw
        for record in StagingRecord.objects.filter(job=access.job, line__in=list(cells))
    }
    return [
        Change(line, seen[line], {n: _as_stored(t, stored.get(line, {}).get(n)) for n, t in texts.items()})
        for line, texts in cells.items()
        if line in seen
    ]


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None


def _as_stored(text: str, stored: Any) -> str:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(stored, str) and plain == stored.replace("\r\n", "\n").replace("\r", "\n"):
        return stored
    return plain
