"""Lists the accounts that nobody uses, as a page and as a file."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from analytics import export
from analytics.access import for_viewers
from analytics.panels import accounts as listed
from analytics.panels.accounts import Unused
from analytics.rights import rights_of
from analytics.views.frame import frame_of
from analytics.words import number
from tracking import log_activity

PAGE_ROWS = 50


@require_GET
@for_viewers
def accounts(request: HttpRequest) -> HttpResponse:
    """Show accounts that were never used, or not for 90 days, in pages by key."""
    kind, is_counted = _asked_for(request), listed.are_counted()
    rows, more = (
        listed.page_of(kind, after=request.GET.get("after", ""), most=PAGE_ROWS) if is_counted else ([], "")
    )
    titles = {Unused.NEVER: _("Never used"), Unused.LONG: _("Not used for 90 days")}
    numbers = listed.numbers()
    context = {
        "title": _("Unused accounts"),
        "kind": kind.value,
        "is_counted": is_counted,
        "kinds": [
            (one.value, titles[one], number(numbers[one]) if one in numbers else "—", one is kind)
            for one in Unused
        ],
        "accounts": rows,
        "columns": listed.columns(),
        "rights": rights_of(request.user),
        "more": more,
    }
    return render(request, "analytics/accounts.html", frame_of(request) | context)


@require_GET
@for_viewers
def file(request: HttpRequest) -> HttpResponseBase:
    """Send the accounts as CSV, and record who exported them."""
    kind = _asked_for(request)
    if not listed.are_counted():
        return HttpResponse(
            _("Too many logins are not counted yet."), status=503, content_type="text/plain; charset=utf-8"
        )
    log_activity(
        "analytics.exported",
        metadata={"log": "accounts", "format": "csv", "unused": kind.value},
        user=request.user,
        request=request,
    )
    names = {"name": "name", "email": "email", "joined": "joined_at", "last_login": "last_at"}
    shown = [name for name in names if name in listed.columns() or name == "last_login"]
    pages = ([[getattr(row, names[name]) for name in shown] for row in page] for page in listed.pages(kind))
    response = StreamingHttpResponse(
        export.streamed(request, export.csv_of(shown, pages)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="accounts-{kind}.csv"'
    return response


def _asked_for(request: HttpRequest) -> Unused:
    """Return which accounts are asked for, if this reader may see accounts."""
    if not rights_of(request.user).accounts:
        raise PermissionDenied
    asked: Any = request.GET.get("unused", Unused.NEVER)
    if asked not in set(Unused) or not listed.are_known():
        raise Http404
    return Unused(asked)
