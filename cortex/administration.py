"""Presents the admin: its names, its sign-in page, and an index that begins with the products."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from cortex.signon.leads_to import name_of
from cortex.signon.limits import AdminLoginForm, guards_old_password
from importer.browser.begin_address import start_address

IMPORTING = _("Importing")
# Heading of the index → the apps below it, in this order. Other apps follow under their own names.
GROUPS: dict[Any, tuple[str, ...]] = {
    _("POVs and TRRs"): ("cortex",),
    IMPORTING: ("importer",),
    _("Tracking"): ("tracking",),
    _("Analytics"): ("analytics",),
    _("People and sign-on"): ("auth", "socialaccount"),
    _("Background tasks"): ("procrastinate",),
}
# Models that belong below another heading than their app.
MOVED = {"cortex.User": _("People and sign-on")}
NAMES = {
    "auth.Group": _("Groups and their rights"),
    "socialaccount.SocialAccount": _("Accounts at sign-on providers"),
    "procrastinate.ProcrastinateJob": _("Tasks"),
}


class CortexAdminSite(AdminSite):
    site_header = "Cortex"
    site_title = "Cortex"
    index_title = _("Administration")
    login_form = AdminLoginForm

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        next_url = request.GET.get(REDIRECT_FIELD_NAME, "")
        is_ours = url_has_allowed_host_and_scheme(next_url, {request.get_host()})
        return super().login(
            request, {"leads_to": name_of(next_url) if is_ours else ""} | (extra_context or {})
        )

    def password_change(  # type: ignore[override]  # Django's types promise less than any response
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        return guards_old_password(super().password_change)(request, extra_context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Returns the groups that the person may see anything of. An app's own page lists the app as Django does."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            for model in app["models"]:
                model["name"] = NAMES.get(_label(app, model), model["name"])
        if app_label:
            return apps
        groups = _grouped(apps)
        if start := start_address(self, request.user):
            _lead_to_imports(groups, start)
        return groups


def _grouped(apps: list[Any]) -> list[Any]:
    groups: dict[Any, Any] = {}
    heading_of = {label: heading for heading, labels in GROUPS.items() for label in labels}
    for app in apps:
        for model in app["models"]:
            heading = MOVED.get(_label(app, model), heading_of.get(app["app_label"], app["name"]))
            groups.setdefault(heading, app | {"name": heading, "models": []})["models"].append(model)
    order = list(GROUPS)
    return sorted(
        groups.values(),
        key=lambda group: order.index(group["name"]) if group["name"] in order else len(order),
    )


def _lead_to_imports(groups: list[Any], start: str) -> None:
    """Lists the start page of imports before the models, as a model that one may only look at."""
    entry = {"name": _("Import a file"), "object_name": "Import", "admin_url": start, "view_only": True}
    for group in groups:
        if group["name"] == IMPORTING:
            group["models"].insert(0, entry)


def _label(app: Any, model: Any) -> str:
    return f"{app['app_label']}.{model['object_name']}"
