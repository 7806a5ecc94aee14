"""Shows the dashboard, and sends the parts that change while it is open."""

import hashlib
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analytics import conf, export
from analytics.access import for_programs, for_viewers
from analytics.dashboard.charts import chart_script
from analytics.dashboard.page import chart_data, page
from analytics.filters import BadFilter, Filters
from analytics.period import DEFAULT_PRESET, BadPeriod, period_of
from analytics.views.frame import frame_of, present_session
from analytics.views.query import parsed_query

CACHES = re.compile(rb'<section[^>]*data-part="caches".*?</section>', re.DOTALL)


@require_GET
@for_viewers
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "analytics/dashboard.html", frame_of(request) | _panels(request))


@require_GET
@for_programs
def panels(request: HttpRequest) -> HttpResponse:
    """Return the parts that change while a page is open, as HTML; 304 without news since `If-None-Match`.

    The time of the site's clock (the header `X-As-Of`) and the hits of caches, which this request adds to, are no news;
    that a cache is away is.
    """
    context = _panels(request) | {"zone_name": conf.zone_label()}
    response = render(request, "analytics/panels.html", context)
    as_of = context["page"].as_of
    without_clock = response.content.replace(as_of.encode(), b"")
    news = CACHES.sub(lambda panel: b"away" * panel[0].count(b"an-bad"), without_clock)
    etag = f'"{hashlib.sha256(news).hexdigest()[:32]}"'
    if etag in request.headers.get("If-None-Match", ""):
        response = HttpResponse(status=304)
    response["ETag"], response["X-As-Of"] = etag, as_of
    return response


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
        "chart_data": chart_data(content.overview),
        "chart_script": chart_script(),
        "rights": content.rights,
        "may_end_sessions": content.rights.end_sessions,
        "formats": list(export.formats()),
    }
