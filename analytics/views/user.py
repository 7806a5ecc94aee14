"""Shows what a user did, and their open sessions."""

from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analytics.access import admin_site, for_viewers
from analytics.conf import conf
from analytics.dashboard.links import admin_list
from analytics.dashboard.tables import event_rows, session_rows
from analytics.panels import entities
from analytics.panels.feed import Place, timeline
from analytics.panels.people import person
from analytics.panels.sessions import sessions_of
from analytics.panels.summary import account_of, summary
from analytics.rights import may_view, rights_of
from analytics.views.frame import TIMELINE_ROWS, frame_of, present_session
from analytics.words import number
from tracking.models import LoginEvent, SecurityAlert


@require_GET
@for_viewers
def user(request: HttpRequest, user_id: str) -> HttpResponse:
    """Show a summary of a user, their open sessions, and their events, the latest first."""
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
    present = present_session(request)
    others = [session for session in open_sessions if session.id != present]
    context = {
        "person": owner,
        "account": account_of(owner) if rights.accounts else {},
        "admin_page": entities.admin_page(admin_site(), request, owner._meta.label_lower, str(owner.pk)),
        "summary": summary(owner, rights, open_sessions),
        "alerts_list": admin_list(SecurityAlert, {"user": owner.pk}) if rights.alerts else None,
        "is_present": len(others) < len(open_sessions),
        "has_others": bool(others),
        "session_count": ("≥ " if len(open_sessions) == conf.LIST_ROWS else "") + number(len(open_sessions)),
        "person_key": str(owner.pk),  # as text, so that the template does not localize a number
        "event_rows": event_rows(events),
        "more": str(more) if more else "",
        "rights": rights,
        "session_rows": session_rows(open_sessions, rights, present=present),
        "may_end_sessions": rights.end_sessions,
        "logins_list": admin_list(LoginEvent, {"user": owner.pk}) if rights.logins else None,
        "title": owner.get_username(),
    }
    return render(request, "analytics/user.html", frame_of(request) | context)
