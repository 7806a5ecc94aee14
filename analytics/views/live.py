"""What pages have in common that update themselves: the tabs, and the answer to an open page that asks for news."""

import hashlib
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import conf
from analytics.dashboard.system import has_system
from analytics.views.frame import frame_of

CACHES = re.compile(rb'<section[^>]*data-part="caches".*?</section>', re.DOTALL)


def live_page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """Return the page `name` ("dashboard" or "system") with its changing parts in it."""
    titles = {"dashboard": _("Logins"), "system": _("System")}
    frame = frame_of(request) | {
        "has_system": has_system(request.user),
        "tabs": [(reverse(f"analytics:{tab}"), title, tab == name) for tab, title in titles.items()],
        "panels_address": reverse(PANELS[name]),
        "panels_template": TEMPLATES[name],
    }
    return render(request, f"analytics/{name}.html", frame | context)


TEMPLATES = {"dashboard": "analytics/panels.html", "system": "analytics/system_panels.html"}
PANELS = {"dashboard": "analytics:panels", "system": "analytics:system_panels"}


def news(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """Return the parts that change while a page is open, as HTML; 304 without news since `If-None-Match`.

    The time of the site's clock (the header `X-As-Of`) and the hits of caches, which this request adds to, are no news;
    that a cache is away is.
    """
    response = render(request, TEMPLATES[name], context | {"zone_name": conf.zone_label()})
    as_of = context["page"].as_of
    # The whole element: an event of the same second has the same time.
    without_clock = response.content.replace(f'data-part="as_of" hidden>{as_of}<'.encode(), b"")
    told = CACHES.sub(lambda panel: b"away" * panel[0].count(b"an-bad"), without_clock)
    etag = f'"{hashlib.sha256(told).hexdigest()[:32]}"'
    if etag in request.headers.get("If-None-Match", ""):
        response = HttpResponse(status=304)
    response["ETag"], response["X-As-Of"] = etag, as_of
    return response
