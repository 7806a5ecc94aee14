"""Decides which rows a user may see: each panel, page and file checks the right on its rows.

The counts of the dashboard (figures, series, breakdowns) require `analytics.view_dashboard`. Single rows also require
Django's own permission on their model, as the admin's lists do.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename, get_user_model
from django.db.models import Model

from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession


@dataclass(frozen=True, slots=True)
class Rights:
    """The kinds of rows that a user may see, and whether they may handle alerts and end sessions."""

    logins: bool
    activities: bool
    sessions: bool
    alerts: bool
    handle_alerts: bool
    imports: bool
    accounts: bool
    end_sessions: bool

    @property
    def people(self) -> bool:
        """Whether the page of a user has anything to show."""
        return self.logins or self.activities or self.sessions

    @property
    def events(self) -> bool:
        return self.logins or self.activities


def rights_of(user: Any) -> Rights:
    return Rights(
        logins=may_view(user, LoginEvent),
        activities=may_view(user, ActivityLog),
        sessions=may_view(user, UserSession),
        alerts=may_view(user, SecurityAlert),
        handle_alerts=_may(user, "change", SecurityAlert),
        imports=_may_view_imports(user),
        accounts=may_view(user, get_user_model()),
        end_sessions=_may(user, "end", UserSession),
    )


def may_view(user: Any, model: type[Model]) -> bool:
    """Decide as the admin does: by the permission to view or to change."""
    return _may(user, "view", model) or _may(user, "change", model)


def _may(user: Any, action: str, model: type[Model]) -> bool:
    meta = model._meta
    return bool(user.has_perm(f"{meta.app_label}.{get_permission_codename(action, meta)}"))


def _may_view_imports(user: Any) -> bool:
    if not apps.is_installed("importer"):
        return False
    from importer.models import DataImportJob

    return may_view(user, DataImportJob)
