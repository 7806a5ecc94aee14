"""Reads what was done to an entity: the activities that name it."""

from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.utils import quote
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from analytics.panels.feed import Happening, Place, happenings
from analytics.panels.people import names_of
from tracking.models import ActivityLog


def history(
    entity_type: str, entity_id: str, *, after: Place | None, most: int
) -> tuple[list[Happening], Place | None]:
    """Return the activities of an entity, the latest first, and the place to continue from; None at the end."""
    rows: Any = ActivityLog.objects.filter(entity_type=entity_type, entity_id=entity_id)
    if after is not None:
        rows = rows.filter(after.behind(after.log))
    found = list(rows.order_by("-timestamp", "-id")[: most + 1])
    shown = found[:most]
    events = happenings(shown, names_of(row.user_id for row in shown), most=most)
    if len(found) <= most:
        return events, None
    return events, Place(shown[-1].timestamp, 0, shown[-1].pk)


def address_of(entity_type: str, entity_id: str) -> str | None:
    """Return the address of an entity's page; None if its names cannot stand in an address."""
    if {".", ".."} & {entity_type, *entity_id.split("/")} or "/" in entity_type:
        return None  # browsers would resolve them
    try:
        return reverse("analytics:entity", args=[entity_type, entity_id])
    except NoReverseMatch:  # such as one with a line break
        return None


def admin_page(site: AdminSite, request: HttpRequest, entity_type: str, entity_id: str) -> str | None:
    """Return the address of the entity in the admin; None if it has none there, or the reader may not see it."""
    try:
        model = apps.get_model(entity_type)
        model_admin = site.get_model_admin(model)
        entity = model_admin.get_object(request, entity_id)
        if entity is None or not model_admin.has_view_permission(request, entity):
            return None
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return reverse(name, args=[quote(str(entity.pk))])
    except (
        LookupError,
        NoReverseMatch,
        OverflowError,
        TypeError,
        ValueError,
        ValidationError,
        NotRegistered,
    ):
        return None
