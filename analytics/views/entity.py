"""Shows what was done to an entity."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analytics.access import admin_site, for_viewers
from analytics.dashboard.tables import event_rows
from analytics.panels import entities
from analytics.panels.feed import Place
from analytics.rights import rights_of
from analytics.views.frame import TIMELINE_ROWS, frame_of
from analytics.words import entity_text


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
        "title": entity_text(entity_type, entity_id),
        "admin_page": entities.admin_page(admin_site(), request, entity_type, entity_id),
        "event_rows": event_rows(events),
        "more": str(more) if more else "",
    }
    return render(request, "analytics/entity.html", frame_of(request) | context)
