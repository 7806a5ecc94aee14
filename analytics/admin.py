"""Adds the dashboard to the index of the admin."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse

import tracking.admin
from analytics.access import permission
from analytics.models import Dashboard

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # accepts no type argument at runtime


@admin.register(Dashboard)
class DashboardAdmin(ModelAdmin):
    """Redirects to the dashboard instead of listing rows."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(permission()) and _is_mounted()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dashboard]:
        """Return no rows, so that none can be opened."""
        return super().get_queryset(request).none()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseRedirect:
        return redirect("analytics:dashboard")


def _is_mounted() -> bool:
    try:
        reverse("analytics:dashboard")
    except NoReverseMatch:
        return False
    return True


def register_all(site: admin.AdminSite) -> None:
    """Add the dashboard and the lists of tracking to an AdminSite of your own.

    Django's `admin.site` has them by itself.
    """
    tracking.admin.register_all(site)
    if not site.is_registered(Dashboard):
        site.register(Dashboard, DashboardAdmin)
