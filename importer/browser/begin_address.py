"""Finds where an import into a model begins."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db import models

from importer.browser.frame import address_if_any
from importer.browser.targets import target_of


def begin_address(site: AdminSite, user: Any, model: type[models.Model]) -> str:
    """Return the address of the page "begin" of a model, for those who may import into it; "" for others."""
    label = model._meta.label_lower
    return address_if_any(site, "begin", label) if target_of(user, label) else ""
