"""Shows what came from an address or a network."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analytics.access import for_viewers
from analytics.dashboard.links import admin_list
from analytics.dashboard.tables import event_rows
from analytics.dashboard.verdict import figures_of, verdict
from analytics.panels import addresses
from analytics.panels.feed import Place
from analytics.rights import rights_of
from analytics.views.frame import TIMELINE_ROWS, frame_of
from tracking.models import LoginEvent


@require_GET
@for_viewers
def address(request: HttpRequest, address: str) -> HttpResponse:
    """Show the logins from an address or a network, the latest first, and the names that were tried from it."""
    if not rights_of(request.user).logins:
        raise PermissionDenied
    network = addresses.parse(address)
    if network is None or not addresses.can_be_shown(network):
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
    return render(request, "analytics/address.html", frame_of(request) | context)
