"""Who may have records imported: whoever might write them by hand."""

from typing import Any

from django.contrib.auth import get_permission_codename

from importer.exceptions import UnknownSpec
from importer.registry import all_specs, get_spec


def may_import_with(user: Any, spec: str) -> bool:
    """Whether the user may add records of the spec's model, and change them where the spec updates those it meets."""
    try:
        options = get_spec(spec).options
    except UnknownSpec:
        return False
    meta = options.model._meta
    actions = ("add", "change") if options.on_conflict == "update" else ("add",)
    return all(
        user.has_perm(f"{meta.app_label}.{get_permission_codename(action, meta)}") for action in actions
    )


def specs_for(user: Any) -> list[str]:
    return [name for name in all_specs() if may_import_with(user, name)]
