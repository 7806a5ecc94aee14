"""Serves the dashboard: pages, the fragment that updates an open page, JSON, and files; ends sessions."""

import hashlib
import re
import uuid
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote, unquote
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
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from analytics import conf, export
from analytics.access import admin_site, for_programs, for_viewers, forbidden
from analytics.dashboard.charts import chart_script
from analytics.dashboard.links import admin_list
from analytics.dashboard.page import chart_data, page
from analytics.dashboard.tables import event_rows, session_rows
from analytics.dashboard.verdict import figures_of, verdict
from analytics.filters import BadFilter, Filters, filters_of
from analytics.panels import addresses, entities
from analytics.panels.feed import Place, newest, timeline
from analytics.panels.people import person
from analytics.panels.sessions import count_open, newest_sessions, sessions_of
from analytics.period import DEFAULT_PRESET, PRESETS, BadPeriod, Period, period_of
from analytics.reports import overview
from analytics.rights import may_view, rights_of
from analytics.rollups.logs import LOGS
from analytics.words import number
from tracking import log_activity
from tracking.capture import record
from tracking.models import LoginEvent, UserSession
from tracking.people import users_named
from tracking.sessions.identity import session_id_of

TIMELINE_ROWS = 50
MOST_ENTERED = 254
CACHES = re.compile(rb'<section[^>]*data-part="caches".*?</section>', re.DOTALL)


@require_GET
@for_viewers
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "analytics/dashboard.html", _frame(request) | _panels(request))


@require_GET
@for_programs
def panels(request: HttpRequest) -> HttpResponse:
    """Return the parts that change while a page is open, as HTML; 304 without news since `If-None-Match`.

    The time of the site's clock (the header `X-As-Of`) and the hits of caches, which this request adds to, are no news.
    """
    context = _panels(request) | {"zone_name": conf.zone_label()}
    response = render(request, "analytics/panels.html", context)
    as_of = context["page"].as_of
    news = CACHES.sub(b"", response.content.replace(as_of.encode(), b""))
    etag = f'"{hashlib.sha256(news).hexdigest()[:32]}"'
    if etag in request.headers.get("If-None-Match", ""):
        response = HttpResponse(status=304)
    response["ETag"], response["X-As-Of"] = etag, as_of
    return response


def _panels(request: HttpRequest) -> dict[str, Any]:
    problem = ""
    try:
        span, period, filters = _parsed_query(request)
    except (BadPeriod, BadFilter) as error:
        problem, span, filters = str(error), {"range": DEFAULT_PRESET}, Filters()
        period = period_of(span)
    content = page(span, period, filters, request.user, present=_present(request))
    return {
        "page": content,
        "problem": problem,
        "chart_data": chart_data(content.overview),
        "chart_script": chart_script(),
        "rights": content.rights,
        "may_end_sessions": content.rights.end_sessions,
        "formats": list(export.formats()),
    }


def _parsed_query(request: HttpRequest) -> tuple[dict[str, str], Period, Filters]:
    """Read span, period and filters from the query string. Raises BadPeriod, BadFilter."""
    query = request.GET.dict()
    period, filters = period_of(query), filters_of(query)
    if query.get("from") or query.get("to"):
        return {"from": str(period.first), "to": str(period.last)}, period, filters
    return {"range": query.get("range") or DEFAULT_PRESET}, period, filters


def _frame(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the admin's own templates.

    Django would list all apps for its side menu, which costs more than the dashboard. Here they are listed if a theme's
    template asks for them, as jazzmin's does. A site with a context of its own, such as unfold's, is asked for it.
    """
    site = admin_site()
    if type(site).each_context is AdminSite.each_context:
        admins = {
            "site_title": site.site_title,
            "site_header": site.site_header,
            "site_url": site.site_url,
            "has_permission": site.has_permission(request),
            "available_apps": SimpleLazyObject(lambda: site.get_app_list(request)),
            "is_nav_sidebar_enabled": False,
            "is_popup": False,
        }
    else:
        admins = site.each_context(request)
    return admins | {
        "title": _("Analytics"),
        "presets": PRESETS,
        "refresh_seconds": str(conf.conf.REFRESH_SECONDS),
        "zone_name": conf.zone_label(),
    }


# -- JSON -------------------------------------------------------------------------------------------------------------


@require_GET
@for_programs
def data(request: HttpRequest) -> HttpResponse:
    """Return the overview; its keys are those of `reports.Overview`."""
    try:
        _, period, filters = _parsed_query(request)
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


# -- files ------------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def download(request: HttpRequest, log: str, format: str) -> HttpResponseBase:  # noqa: A002 (as in the address)
    """Send the events of a period as a file, and record who exported them."""
    formats = export.formats()
    try:
        _, period, filters = _parsed_query(request)
    except (BadPeriod, BadFilter) as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    source = next((one for one in LOGS if one.name == log), None)
    if source is None or format not in formats:
        raise Http404
    if not may_view(request.user, source.model):
        raise PermissionDenied
    log_activity(
        "analytics.exported",
        metadata={"log": log, "format": format, "first": str(period.first), "last": str(period.last)}
        | filters.active,
        user=request.user,
        request=request,
    )
    kind = formats[format]
    response = StreamingHttpResponse(
        export.streamed(request, kind.write(source, export.events(source, period, filters))),
        content_type=kind.content_type,
    )
    response["Content-Disposition"] = f'attachment; filename="{log}-{period.first}-{period.last}.{format}"'
    return response


# -- a user -----------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def user(request: HttpRequest, user_id: str) -> HttpResponse:
    """Show the events of a user, the latest first, and their open sessions."""
    rights = rights_of(request.user)
    if not rights.people:
        raise PermissionDenied
    owner = person(unquote(user_id))
    if owner is None:
        raise Http404
    after = Place.parse(request.GET.get("after", ""))
    events, more = timeline(owner, rights=rights, after=after, most=TIMELINE_ROWS)
    open_sessions = sessions_of(owner) if rights.sessions else []
    if not (events or open_sessions or after or may_view(request.user, get_user_model())):
        raise Http404  # otherwise every user name could be read by trying keys
    context = {
        "person": owner,
        "person_key": str(owner.pk),  # as text, so that the template does not localize a number
        "event_rows": event_rows(events),
        "more": str(more) if more else "",
        "rights": rights,
        "session_rows": session_rows(open_sessions, rights, present=_present(request)),
        "has_several_sessions": len(open_sessions) > 1,
        "may_end_sessions": rights.end_sessions,
        "logins_list": admin_list(LoginEvent, {"user": owner.pk}) if rights.logins else None,
        "title": owner.get_username(),
    }
    return render(request, "analytics/user.html", _frame(request) | context)


# -- an address -------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def address(request: HttpRequest, address: str) -> HttpResponse:
    """Show the logins from an address or a network, the latest first, and the names that were tried from it."""
    if not rights_of(request.user).logins:
        raise PermissionDenied
    network = addresses.parse(address)
    if network is None or (not addresses.is_single(network) and not addresses.has_networks()):
        raise Http404
    after = Place.parse(request.GET.get("after", ""))
    events, more = addresses.events_from(network, after=after, most=TIMELINE_ROWS)
    origin = addresses.origin(network)
    level, sentence = verdict(origin)
    around = addresses.around(network)
    single = {"ip_address": addresses.name_of(network)}
    context = {
        "title": addresses.name_of(network),
        "network": str(around) if around else "",
        "logins_list": admin_list(LoginEvent, single) if addresses.is_single(network) else None,
        "level": level,
        "sentence": sentence,
        "figures": figures_of(origin),
        "origin": origin,
        "event_rows": event_rows(events),
        "more": str(more) if more else "",
    }
    return render(request, "analytics/address.html", _frame(request) | context)


# -- an entity --------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def entity(request: HttpRequest, entity_type: str, entity_id: str) -> HttpResponse:
    """Show the activities that name an entity, the latest first."""
    if not rights_of(request.user).activities:
        raise PermissionDenied
    entity_type, entity_id = entity_type.replace("\0", ""), entity_id.replace("\0", "")
    after = Place.parse(request.GET.get("after", ""))
    events, more = entities.history(entity_type, entity_id, after=after, most=TIMELINE_ROWS)
    context = {
        "title": f"{entity_type} {entity_id}",
        "admin_page": entities.admin_page(admin_site(), request, entity_type, entity_id),
        "event_rows": event_rows(events),
        "more": str(more) if more else "",
    }
    return render(request, "analytics/entity.html", _frame(request) | context)


# -- search -----------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def search(request: HttpRequest) -> HttpResponse:
    """Lead to the page of what was entered: a user's name or e-mail address, an IP address, a network, or type:id."""
    term = request.GET.get("q", "").replace("\0", "").strip()[:MOST_ENTERED]
    if target := _page_of(request, term):
        return HttpResponseRedirect(target)
    if term:
        said = _('Nothing found for "%(term)s". Enter a whole name, address or type:id.')
        messages.warning(request, said % {"term": term})
    return HttpResponseRedirect(reverse("analytics:dashboard"))


def _page_of(request: HttpRequest, term: str) -> str | None:
    """Return the address of the page that this reader may see; None if there is none."""
    rights = rights_of(request.user)
    network = addresses.parse(term)
    if rights.logins and network is not None:
        return reverse("analytics:address", args=[addresses.name_of(network)])
    for key in users_named(term) if rights.people and term else ():
        owner = person(str(key))
        if owner is not None and _may_look_at(request, owner):
            return reverse("analytics:user", args=[quote(str(owner.pk))])
    entity_type, _colon, entity_id = term.partition(":")
    if rights.activities and entity_type and entity_id and "/" not in entity_type:
        return reverse("analytics:entity", args=[entity_type, entity_id])
    return None


def _may_look_at(request: HttpRequest, owner: Any) -> bool:
    """Tell whether the reader may learn of the user: they may view users, or rows of this one."""
    rights = rights_of(request.user)
    if may_view(request.user, get_user_model()):
        return True
    events, _more = timeline(owner, rights=rights, after=None, most=1)
    return bool(events or (rights.sessions and sessions_of(owner)))


def _present(request: HttpRequest) -> uuid.UUID | None:
    return session_id_of(request.session)


# -- ending sessions --------------------------------------------------------------------------------------------------


@require_POST
@csrf_protect
@for_viewers
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one session (the field `session`), or all sessions of a user (the field `user`)."""
    if not rights_of(request.user).end_sessions:
        raise PermissionDenied
    sessions = UserSession.objects.filter(ended_at=None)
    try:
        if "session" in request.POST:
            sessions = sessions.filter(pk=uuid.UUID(request.POST["session"]))
        else:
            owner = person(request.POST.get("user", ""))
            sessions = sessions.filter(user=owner.pk) if owner else sessions.none()
    except ValueError:
        raise Http404 from None
    ended = record.end_sessions(sessions, by=request.user, request=request)
    said = ngettext("Ended %(number)s session.", "Ended %(number)s sessions.", ended) % {
        "number": number(ended)
    }
    messages.success(request, said if ended else _("No session was ended: it had already ended."))
    return HttpResponseRedirect(_back(request))


def _back(request: HttpRequest) -> str:
    address = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return address if is_ours else reverse("analytics:dashboard")
