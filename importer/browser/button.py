"""Puts the button "Import…" beside "Add" on lists of the admin, over whatever template they have."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest
from django.template.loader import get_template, select_template

from importer.browser.begin_address import begin_address
from importer.browser.targets import offer, target_of


class ListWithButton:
    """A template of a changelist that extends the admin's own: the site's, the package's, or Django's.

    `ModelAdmin.change_list_template` may be such an object, because a TemplateResponse renders what is not a name.
    """

    def __init__(self, model_admin: Any) -> None:
        self.site: AdminSite = model_admin.admin_site
        self.model: type[models.Model] = model_admin.model
        self.own: str | None = model_admin.change_list_template

    def render(self, context: dict[str, Any], request: HttpRequest) -> Any:
        own = self._own_template()
        address = self._address(request, context)
        if not address:
            return own.render(context, request)
        added = {"list_without_import": own, "import_address": address}
        return get_template("importer/change_list.html").render(context | added, request)

    def _own_template(self) -> Any:
        if self.own:
            return self.own if hasattr(self.own, "render") else get_template(self.own)
        app, name = self.model._meta.app_label, self.model._meta.model_name
        names = [
            f"admin/{app}/{name}/change_list.html",
            f"admin/{app}/change_list.html",
            "admin/change_list.html",
        ]
        return select_template(names)

    def _address(self, request: HttpRequest, context: dict[str, Any]) -> str:
        if context.get("is_popup") or target_of(request.user, self.model._meta.label) is None:
            return ""
        return begin_address(self.site, request.user, self.model)


def add_button(model_admin: Any) -> None:
    """Give a ModelAdmin the button, once. One whose template cannot be set keeps it."""
    if isinstance(model_admin.change_list_template, ListWithButton):
        return
    try:
        model_admin.change_list_template = ListWithButton(model_admin)
    except AttributeError:  # a property of the site's
        return


def add_buttons(site: AdminSite, wanted: Iterable[type[models.Model]]) -> None:
    """Give the button to the lists of these models, as far as the site has them."""
    for model in wanted:
        if site.is_registered(model):
            add_button(site.get_model_admin(model))


class ImportMixin:
    """Lets people import into the model of a ModelAdmin, with or without a spec: `class Contacts(ImportMixin, …)`."""

    def __init__(self, model: type[models.Model], admin_site: AdminSite) -> None:
        super().__init__(model, admin_site)  # type: ignore[call-arg]
        offer(model)
        add_button(self)
