"""Tells the attack that an alert belongs to, and writes what a person decides about the alert."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from analytics.access import for_viewers
from analytics.calendar import clock
from analytics.dashboard.incident import figures_of, timeline, told
from analytics.dashboard.links import admin_row
from analytics.dashboard.tables import event_rows
from analytics.panels.feed import happenings
from analytics.panels.incident import MOST_SHOWN, incident
from analytics.panels.people import names_of
from analytics.panels.security import alerts_of
from analytics.rights import Rights, rights_of
from analytics.views.frame import frame_of
from analytics.words import number
from tracking import log_activity
from tracking.columns import delivery_text
from tracking.models import ActivityLog, SecurityAlert
from tracking.words import evidence_text

MOST_CHARACTERS = 4_000
State = SecurityAlert.State


@require_GET
@for_viewers
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Show who tried what from where, whether anybody got in, and what was done about it."""
    return _page(request, _alert(request, alert_id))


@require_POST
@csrf_protect
@for_viewers
def handle(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Write the state and the note, unless somebody else did so since the page was opened."""
    row = _alert(request, alert_id)
    state, note = request.POST.get("state", ""), _note(request)
    if not rights_of(request.user).handle_alerts:
        raise PermissionDenied
    if state not in State:
        raise Http404
    is_unchanged = request.POST.get("opened_at", "") == _version(row)
    if not is_unchanged or not SecurityAlert.objects.handle(row, state=state, note=note, by=request.user):
        messages.error(
            request,
            _("Somebody else has changed this alert meanwhile. Your note is still below: nothing was saved."),
        )
        row.refresh_from_db()
        return _page(request, row, note=note, status=409)
    if state != row.state:
        log_activity(
            f"alert.{state}", (SecurityAlert._meta.label_lower, row.pk), user=request.user, request=request
        )
    messages.success(request, _("The alert is now: %(state)s.") % {"state": State(state).label})
    return HttpResponseRedirect(reverse("analytics:alert", args=[row.pk]))


def _alert(request: HttpRequest, alert_id: int) -> SecurityAlert:
    if not rights_of(request.user).alerts:
        raise PermissionDenied
    try:
        row = SecurityAlert.objects.filter(pk=alert_id).first()
    except OverflowError:  # SQLite has no such numbers
        row = None
    if row is None:
        raise Http404
    return row


def _note(request: HttpRequest) -> str:
    return request.POST.get("note", "").replace("\0", "").strip()[:MOST_CHARACTERS]


def _version(row: SecurityAlert) -> str:
    """Return when the alert was last handled, as the form holds it."""
    return row.handled_at.isoformat() if row.handled_at else ""


def _page(
    request: HttpRequest, row: SecurityAlert, *, note: str | None = None, status: int = 200
) -> HttpResponse:
    rights = rights_of(request.user)
    story = incident(row)
    about = row.ip_address if row.kind == SecurityAlert.Kind.SPRAYING else None
    names = names_of([row.user_id, row.handled_by_id])
    context = {
        "title": f"{row.get_kind_display()} · {about or names.get(row.user_id) or row.ip_address or row.pk}",
        "alert": row,
        "alert_time": clock(row.timestamp),
        "rights": rights,
        "admin_page": admin_row(SecurityAlert, row.pk),
        "alerts": _described(story.alerts, row, rights),
        "handled_by": names.get(row.handled_by_id, ""),
        "handled_at": clock(row.handled_at) if row.handled_at else "",
        "opened_at": _version(row),
        "note": row.note if note is None else note,
        "states": [(state.value, text) for state, text in _verbs() if state != row.state],
        "deliveries": [delivery_text(each) for each in row.deliveries.order_by("pk")],
        "activity_rows": _activities([each.pk for each in story.alerts]) if rights.activities else "",
    }
    context |= _logins(story, row, rights)
    return render(request, "analytics/alert.html", frame_of(request) | context, status=status)


def _logins(story: Any, row: SecurityAlert, rights: Rights) -> dict[str, Any]:
    """Return what the logins tell; only the evidence of the alert without the right to see logins."""
    if not rights.logins:
        return {"level": "warning", "sentence": evidence_text(row.evidence) or row.get_kind_display()}
    level, sentence = told(story, row)
    entries = sorted(story.entries, key=lambda entry: (not entry.was_tried, entry.at))
    return {
        "level": level,
        "sentence": sentence,
        "incident": story,
        "figures": figures_of(story),
        "timeline": timeline(story),
        "entries": [(clock(entry.at), entry) for entry in entries[:MOST_SHOWN]],
        "entries_left": _left(len(story.entries), MOST_SHOWN),
        "names_left": _left(story.names_tried, len(story.names)),
        "addresses_left": _left(story.addresses_tried, len(story.addresses)),
    }


def _left(number_of_all: int, shown: int) -> str:
    """Return how many are not shown; "" if all are."""
    return number(number_of_all - shown) if number_of_all > shown else ""


def _described(rows: Sequence[SecurityAlert], present: SecurityAlert, rights: Rights) -> list[dict[str, Any]]:
    """Return the alerts of the attack, each with whom it is about, as in the dashboard's list."""
    return [
        {
            "id": str(row.pk),
            "time": clock(row.timestamp),
            "kind": row.get_kind_display(),
            "severity": row.severity,
            "state": row.get_state_display(),
            "about": alert.about,
            "user_id": alert.user_id if rights.people else None,
            "ip_address": alert.ip_address,
            "evidence": alert.evidence,
            "is_present": row.pk == present.pk,
        }
        for row, alert in zip(rows, alerts_of(rows), strict=True)
    ]


def _activities(keys: list[int]) -> Any:
    """Return what people did about the alerts, the latest first."""
    label = SecurityAlert._meta.label_lower
    rows = ActivityLog.objects.filter(entity_type=label, entity_id__in=[str(key) for key in keys])
    found = list(rows.order_by("-timestamp", "-id")[:MOST_SHOWN])
    return event_rows(happenings(found, names_of(row.user_id for row in found), most=MOST_SHOWN))


def _verbs() -> list[tuple[State, str]]:
    return [
        (State.ACKNOWLEDGED, _("Acknowledge")),
        (State.RESOLVED, _("Resolve")),
        (State.MUTED, _("Mute")),
        (State.OPEN, _("Reopen")),
    ]
