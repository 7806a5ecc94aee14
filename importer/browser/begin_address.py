"""Finds where an import begins: the start page, and the page of a model."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db import models

from importer.browser.frame import address_if_any
from importer.browser.targets import target_of, targets_for


def begin_address(site: AdminSite, user: Any, model: type[models.Model]) -> str:
    """Return the address of the page "begin" of a model, for those who may import into it; "" for others."""
    label = model._meta.label_lower
    return address_if_any(site, "begin", label) if target_of(user, label) else ""


def start_address(site: AdminSite, user: Any) -> str:
    """Return the address of the start page, for those who may import into anything; "" for others."""
    return address_if_any(site, "start") if targets_for(user) else ""
