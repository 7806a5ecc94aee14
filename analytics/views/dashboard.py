"""Shows the dashboard, and sends the parts that change while it is open."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from analytics import export
from analytics.access import for_programs, for_viewers
from analytics.dashboard.page import page
from analytics.filters import BadFilter, Filters
from analytics.period import DEFAULT_PRESET, BadPeriod, period_of
from analytics.views.frame import present_session
from analytics.views.live import live_page, news
from analytics.views.query import parsed_query


@require_GET
@for_viewers
def dashboard(request: HttpRequest) -> HttpResponse:
    return live_page(request, "dashboard", _panels(request))


@require_GET
@for_programs
def panels(request: HttpRequest) -> HttpResponse:
    return news(request, "dashboard", _panels(request))


def _panels(request: HttpRequest) -> dict[str, Any]:
    problem = ""
    try:
        span, period, filters = parsed_query(request)
    except (BadPeriod, BadFilter) as error:
        problem, span, filters = str(error), {"range": DEFAULT_PRESET}, Filters()
        period = period_of(span)
    content = page(span, period, filters, request.user, present=present_session(request))
    return {
        "page": content,
        "problem": problem,
        "rights": content.rights,
        "may_end_sessions": content.rights.end_sessions,
        "formats": list(export.formats()),
    }
