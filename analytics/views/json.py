"""Answers programs in JSON: the overview, the newest events, the open sessions."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from analytics.access import for_programs, forbidden
from analytics.filters import BadFilter, filters_of
from analytics.panels.feed import newest
from analytics.panels.sessions import count_open, newest_sessions
from analytics.period import BadPeriod
from analytics.reports import overview
from analytics.rights import rights_of
from analytics.views.query import parsed_query


@require_GET
@for_programs
def data(request: HttpRequest) -> HttpResponse:
    """Return the overview; its keys are those of `reports.Overview`."""
    try:
        _span, period, filters = parsed_query(request)
    except (BadPeriod, BadFilter) as error:
        return JsonResponse({"error": str(error)}, status=400)
    return JsonResponse(overview(period, filters).as_json())


@require_GET
@for_programs
def feed(request: HttpRequest) -> HttpResponse:
    try:
        filters = filters_of(request.GET.dict())
    except BadFilter as error:
        return JsonResponse({"error": str(error)}, status=400)
    rights = rights_of(request.user)
    if not rights.events:
        return forbidden("This requires the permission to view logins or activities.")
    return JsonResponse({"events": [event.as_json() for event in newest(filters, rights)]})


@require_GET
@for_programs
def sessions(request: HttpRequest) -> HttpResponse:
    if not rights_of(request.user).sessions:
        return forbidden("This requires the permission to view sessions.")
    sessions = newest_sessions()
    return JsonResponse(
        {"number": count_open(sessions), "newest": [session.as_json() for session in sessions]}
    )
