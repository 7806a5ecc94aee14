"""Shows what a user did, and their open sessions."""

from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analytics.access import for_viewers
from analytics.dashboard.links import admin_list
from analytics.dashboard.tables import event_rows, session_rows
from analytics.panels.feed import Place, timeline
from analytics.panels.people import person
from analytics.panels.sessions import sessions_of
from analytics.rights import may_view, rights_of
from analytics.views.frame import TIMELINE_ROWS, frame_of, present_session
from tracking.models import LoginEvent


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
        "session_rows": session_rows(open_sessions, rights, present=present_session(request)),
        "has_several_sessions": len(open_sessions) > 1,
        "may_end_sessions": rights.end_sessions,
        "logins_list": admin_list(LoginEvent, {"user": owner.pk}) if rights.logins else None,
        "title": owner.get_username(),
    }
    return render(request, "analytics/user.html", frame_of(request) | context)
