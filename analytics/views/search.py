"""Leads to the page of what was entered, as far as the reader may see it."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from analytics.access import for_viewers
from analytics.panels import addresses, entities
from analytics.panels.feed import timeline
from analytics.panels.people import person
from analytics.panels.sessions import sessions_of
from analytics.rights import may_view, rights_of
from tracking.models import SecurityAlert
from tracking.people import users_named

MOST_ENTERED = 254
# What people and pages call an alert; the last is the label in activities.
ALERT_NAMES = ("alert", "security alert", "security_alert", SecurityAlert._meta.label_lower)
# Every number of so many digits is one that each database can look for.
MOST_DIGITS = 18


@require_GET
@for_viewers
def search(request: HttpRequest) -> HttpResponse:
    """Lead to the page of what was entered: a user's name or e-mail address, an IP address, a network, or type:id."""
    term = request.GET.get("q", "").replace("\0", "").strip()[:MOST_ENTERED]
    if target := _page_of(request, term):
        return HttpResponseRedirect(target)
    if addresses.parse(term) is not None and rights_of(request.user).logins:
        said = _(
            '"%(term)s" cannot be looked up. Networks need PostgreSQL, and have to be /16 (IPv6: /32) or smaller.'
        )
        messages.warning(request, said % {"term": term})
    elif term:
        said = _('Nothing found for "%(term)s". Enter a whole name, address or type:id.')
        messages.warning(request, said % {"term": term})
    return HttpResponseRedirect(reverse("analytics:dashboard"))


def _page_of(request: HttpRequest, term: str) -> str | None:
    """Return the address of the page that this reader may see; None if there is none."""
    rights = rights_of(request.user)
    network = addresses.parse(term)
    if network is not None:
        is_shown = rights.logins and addresses.can_be_shown(network)
        return reverse("analytics:address", args=[addresses.name_of(network)]) if is_shown else None
    for key in users_named(term) if rights.people and term else ():
        owner = person(str(key))
        if owner is not None and _may_look_at(request, owner):
            return reverse("analytics:user", args=[quote(str(owner.pk))])
    entity_type, _colon, entity_id = term.partition(":")
    if rights.alerts and (alert := _alert_named(entity_type, entity_id)) is not None:
        return reverse("analytics:alert", args=[alert])
    if rights.activities and entity_type and entity_id:
        return entities.address_of(entity_type, entity_id)
    return None


def _alert_named(entity_type: str, entity_id: str) -> int | None:
    """Return the key of the alert that "alert:205" names; None without one."""
    if entity_type.lower() not in ALERT_NAMES or not entity_id.isdecimal() or len(entity_id) > MOST_DIGITS:
        return None
    return SecurityAlert.objects.filter(pk=int(entity_id)).values_list("pk", flat=True).first()


def _may_look_at(request: HttpRequest, owner: Any) -> bool:
    """Tell whether the reader may learn of the user: they may view users, or rows of this one."""
    rights = rights_of(request.user)
    if may_view(request.user, get_user_model()):
        return True
    events, _more = timeline(owner, rights=rights, after=None, most=1)
    return bool(events or (rights.sessions and sessions_of(owner)))
