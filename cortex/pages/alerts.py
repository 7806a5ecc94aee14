"""Counts the alerts that the home page begins with, for people who may see them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from analytics.rights import may_view
from tracking.models import SecurityAlert


def grave_alerts_for(request: HttpRequest) -> dict[str, Any] | None:
    """Returns {"number", "address"} of the open alerts of high severity; None without any, or without the right.

    Not cached: an alert that somebody has handled must not stay on the home page.
    """
    # The site's own permission first, because it costs no query.
    if not admin.site.has_permission(request) or not may_view(request.user, SecurityAlert):
        return None
    alerts = SecurityAlert.objects.filter(state=SecurityAlert.State.OPEN)
    number = alerts.of_severity(SecurityAlert.Severity.HIGH).count()
    # The list, because the dashboard leaves out alerts from before its period.
    address = f"{reverse('admin:tracking_securityalert_changelist')}?state__exact={SecurityAlert.State.OPEN}"
    return {"number": number, "address": address} if number else None
