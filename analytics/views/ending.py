"""Ends sessions from the dashboard."""

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from analytics.access import for_viewers
from analytics.panels.people import person
from analytics.rights import rights_of
from analytics.views.frame import present_session
from analytics.words import number
from tracking.capture import record
from tracking.models import UserSession


@require_POST
@csrf_protect
@for_viewers
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one session (the field `session`), or all sessions of a user (the field `user`).

    All sessions are all but the one of this request, which would sign the reader out.
    """
    if not rights_of(request.user).end_sessions:
        raise PermissionDenied
    sessions = UserSession.objects.filter(ended_at=None)
    try:
        if "session" in request.POST:
            sessions = sessions.filter(pk=uuid.UUID(request.POST["session"]))
        else:
            owner = person(request.POST.get("user", ""))
            sessions = sessions.filter(user=owner.pk) if owner else sessions.none()
            if present := present_session(request):
                sessions = sessions.exclude(pk=present)
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
