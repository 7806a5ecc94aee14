"""Shows people the devices on which they are signed in, with a button that ends each session."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from tracking.models import UserSession
from tracking.sessions.identity import session_id_of

# Nobody has more devices, but a program that logs in for every call may have thousands of sessions.
MOST_SHOWN = 100


@never_cache
@login_required
def devices(request: HttpRequest) -> HttpResponse:
    sessions = UserSession.objects.open().of(request.user)[:MOST_SHOWN]
    return render(request, "tracking/devices.html", {"sessions": sessions, "present": _present(request)})


@never_cache
@login_required
@require_POST
def end(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """End one of the user's own sessions. Ignores the session of somebody else, and one that has ended."""
    UserSession.objects.filter(user=request.user.pk, pk=session_id).end(UserSession.EndReason.ENDED_BY_OWNER)
    return redirect("tracking:devices")


@never_cache
@login_required
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    others = UserSession.objects.filter(user=request.user.pk).exclude(pk__in=_present(request))
    others.end(UserSession.EndReason.ENDED_BY_OWNER)
    return redirect("tracking:devices")


def _present(request: Any) -> list[uuid.UUID]:
    """Return the id of this request's session in a list; an empty list if tracking has no row of it."""
    session_id = session_id_of(request.session)
    return [session_id] if session_id else []
