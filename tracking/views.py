"""Shows people where they are signed in, lets them end sessions, and say that a login was not theirs."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.messages import SUCCESS, add_message
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from tracking.delivery import messages
from tracking.delivery.not_me import InvalidLink, alert_of, report
from tracking.models import UserSession
from tracking.sessions.identity import session_id_of

# Nobody has more devices, but a program that logs in for every call may have thousands of sessions.
MOST_SHOWN = 100
# Pages on which people ask for a new password: of Django, of allauth, and of the admin.
PASSWORD_RESETS = ("password_reset", "account_reset_password", "admin_password_reset")


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
    own = UserSession.objects.filter(user=request.user.pk, pk=session_id)
    session = own.first()
    if own.end(UserSession.EndReason.ENDED_BY_OWNER):
        _say(request, gettext("Ended: %(session)s.") % {"session": session})
    return redirect("tracking:devices")


@never_cache
@login_required
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    others = UserSession.objects.filter(user=request.user.pk).exclude(pk__in=_present(request))
    number = others.end(UserSession.EndReason.ENDED_BY_OWNER)
    said = ngettext("Ended %(number)s other session.", "Ended %(number)s other sessions.", number)
    _say(request, said % {"number": number_format(number, force_grouping=True)})
    return redirect("tracking:devices")


@never_cache
@csrf_exempt  # the link itself is the proof; no cookie is looked at, and people may have none
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether a login was not the person's own, and act on it when they say so.

    GET changes nothing, because mail servers open links to look for viruses.
    """
    try:
        alert, user, is_done = alert_of(token)
    except InvalidLink:
        return _not_me(request, {"is_valid": False}, status=404)
    has_password = user.has_usable_password()
    if request.method == "POST" and not is_done:
        report(alert, user)
        is_done = True
    context = {
        "is_valid": True,
        "is_done": is_done,
        "has_password": has_password,
        "reset": _password_reset() if is_done and has_password else "",
        "moment": messages.moment_of(alert),
        "address": messages.where(alert),
        "device": messages.device_of(alert),
    }
    return _not_me(request, context)


def _say(request: HttpRequest, text: str) -> None:
    """Show it on the next page, if the site has Django's messages."""
    add_message(request, SUCCESS, text, fail_silently=True)


def _not_me(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    answer = render(request, "tracking/not_me.html", context, status=status)
    answer["Referrer-Policy"] = "no-referrer"  # the address is a secret
    return answer


def _password_reset() -> str:
    """Return the address of the site's page to ask for a new password; "" if it has none."""
    for name in PASSWORD_RESETS:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""


def _present(request: Any) -> list[uuid.UUID]:
    """Return the id of this request's session in a list; an empty list if tracking has no row of it."""
    session_id = session_id_of(request.session)
    return [session_id] if session_id else []
