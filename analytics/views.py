"""The dashboard: pages, the fragment that keeps an open page up to date, JSON, files, and the ending of sessions."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from analytics import conf, export
from analytics.access import admin_site, for_programs, for_viewers, forbidden
from analytics.dashboard.charts import chart_script
from analytics.dashboard.links import admin_list
from analytics.dashboard.page import chart_data, page
from analytics.dashboard.tables import event_rows, session_rows
from analytics.filters import BadFilter, Filters, filters_of
from analytics.panels.feed import Place, newest, timeline
from analytics.panels.people import person
from analytics.panels.sessions import count_open, newest_sessions, sessions_of
from analytics.period import DEFAULT_PRESET, PRESETS, BadPeriod, Period, period_of
from analytics.reports import overview
from analytics.rights import may_view, rights_of
from analytics.rollups.logs import LOGS
from tracking import log_activity
from tracking.models import UserSession

TIMELINE_ROWS = 50


@require_GET
@for_viewers
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "analytics/dashboard.html", _frame(request) | _panels(request))


@require_GET
@for_programs
def panels(request: HttpRequest) -> HttpResponse:
    """What changes while a page is open, as HTML."""
    return render(request, "analytics/panels.html", _panels(request) | {"zone_name": conf.zone_name()})


def _panels(request: HttpRequest) -> dict[str, Any]:
    problem = ""
    try:
        span, period, filters = _asked(request)
    except (BadPeriod, BadFilter) as error:
        problem, span, filters = str(error), {"range": DEFAULT_PRESET}, Filters()
        period = period_of(span)
    found = page(span, period, filters, request.user)
    return {
        "page": found,
        "problem": problem,
        "chart_data": chart_data(found.overview),
        "chart_script": chart_script(),
        "rights": found.rights,
        "may_end_sessions": found.rights.end_sessions,
        "formats": list(export.formats()),
    }


def _asked(request: HttpRequest) -> tuple[dict[str, str], Period, Filters]:
    """What the address asks for. Raises BadPeriod, BadFilter."""
    query = request.GET.dict()
    period, filters = period_of(query), filters_of(query)
    if query.get("from") or query.get("to"):
        return {"from": str(period.first), "to": str(period.last)}, period, filters
    return {"range": query.get("range") or DEFAULT_PRESET}, period, filters


def _frame(request: HttpRequest) -> dict[str, Any]:
    """What the admin's own templates want to know; without the list of apps, which costs more than the dashboard."""
    site = admin_site()
    return {
        "title": "Analytics",
        "site_title": site.site_title,
        "site_header": site.site_header,
        "site_url": site.site_url,
        "has_permission": site.has_permission(request),
        "is_nav_sidebar_enabled": False,
        "is_popup": False,
        "presets": PRESETS,
        "refresh_seconds": str(conf.conf.REFRESH_SECONDS),
        "zone_name": conf.zone_name(),
    }


# -- JSON -------------------------------------------------------------------------------------------------------------


@require_GET
@for_programs
def data(request: HttpRequest) -> HttpResponse:
    """The overview; its keys are those of `reports.Overview`."""
    try:
        _, period, filters = _asked(request)
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
        return forbidden("This needs the right to view logins or activities.")
    return JsonResponse({"events": [event.as_json() for event in newest(filters, rights)]})


@require_GET
@for_programs
def sessions(request: HttpRequest) -> HttpResponse:
    if not rights_of(request.user).sessions:
        return forbidden("This needs the right to view sessions.")
    newest_ones = newest_sessions()
    shown = [session.as_json() for session in newest_ones]
    return JsonResponse({"number": count_open(newest_ones), "newest": shown})


# -- files ------------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def download(request: HttpRequest, log: str, format: str) -> HttpResponseBase:  # noqa: A002 (as in the address)
    """The events of a period as a file. Who fetched it is recorded."""
    formats = export.formats()
    try:
        _, period, filters = _asked(request)
    except (BadPeriod, BadFilter) as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    chosen = next((known for known in LOGS if known.name == log), None)
    if chosen is None or format not in formats:
        raise Http404
    if not may_view(request.user, chosen.model):
        raise PermissionDenied
    log_activity(
        "analytics.exported",
        metadata={"log": log, "format": format, "first": str(period.first), "last": str(period.last)}
        | filters.active,
        user=request.user,
        request=request,
    )
    kind = formats[format]
    answer = StreamingHttpResponse(
        export.streamed(request, kind.write(chosen, export.events(chosen, period, filters))),
        content_type=kind.content_type,
    )
    answer["Content-Disposition"] = f'attachment; filename="{log}-{period.first}-{period.last}.{format}"'
    return answer


# -- a user -----------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def user(request: HttpRequest, user_id: str) -> HttpResponse:
    """What a user did, newest first, and where they are logged in."""
    rights = rights_of(request.user)
    if not rights.people:
        raise PermissionDenied
    found = person(unquote(user_id))
    if found is None:
        raise Http404
    after = Place.parse(request.GET.get("after", ""))
    events, more = timeline(found, rights=rights, after=after, most=TIMELINE_ROWS)
    open_ones = sessions_of(found) if rights.sessions else []
    if not (events or open_ones or after or may_view(request.user, get_user_model())):
        raise Http404  # or every name could be had by counting keys
    context = {
        "person": found,
        "person_key": str(found.pk),  # as it is, whatever the site does with numbers
        "event_rows": event_rows(events),
        "more": str(more) if more else "",
        "rights": rights,
        "session_rows": session_rows(open_ones, may_end=rights.end_sessions),
        "has_several_sessions": len(open_ones) > 1,
        "may_end_sessions": rights.end_sessions,
        "logins_list": admin_list("tracking", "loginevent", {"user": found.pk}) if rights.logins else None,
        "title": found.get_username(),
    }
    return render(request, "analytics/user.html", _frame(request) | context)


# -- ending sessions --------------------------------------------------------------------------------------------------


@require_POST
@csrf_protect
@for_viewers
def end_sessions(request: HttpRequest) -> HttpResponse:
    """`session` ends one, `user` all of a user's."""
    if not rights_of(request.user).end_sessions:
        raise PermissionDenied
    open_ones = UserSession.objects.filter(ended_at=None)
    try:
        if "session" in request.POST:
            chosen = open_ones.filter(pk=uuid.UUID(request.POST["session"]))
        else:
            owner = person(request.POST.get("user", ""))
            chosen = open_ones.filter(user=owner.pk) if owner else open_ones.none()
    except ValueError:
        raise Http404 from None
    ended = chosen.end(UserSession.EndReason.ENDED_BY_ADMIN)
    log_activity("session.ended", metadata={"sessions": ended}, user=request.user, request=request)
    said = f"{ended} {'session was' if ended == 1 else 'sessions were'} ended."
    messages.success(request, said if ended else "Nothing was ended: it was over already.")
    return HttpResponseRedirect(_back(request))


def _back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if is_ours else reverse("analytics:dashboard")
