"""Says which fields a mapping that people make may fill: those that people edit, and no sensitive ones."""

from typing import Any

from django.db import models

from importer.conf import conf
from importer.specs.tables import composite_key, parent_links

# Never offered, whatever the settings say: a file does not decide who may do what.
SENSITIVE = frozenset(
    {"password", "is_superuser", "is_staff", "is_active", "groups", "user_permissions", "permissions"}
)


def is_sensitive(name: str) -> bool:
    """Tell whether no mapping may fill this field, nor find rows by it."""
    return name in SENSITIVE or name in conf.SENSITIVE_FIELDS


def offered_fields(model: type[models.Model]) -> list[Any]:
    """Return the fields that a mapping may fill, in the order of the model."""
    links = {link for link, _ in parent_links(model)}
    return [field for field in model._meta.concrete_fields if field not in links and _is_offered(field)]


def _is_offered(field: Any) -> bool:
    is_set_by_django = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return (
        field.editable
        and not is_sensitive(field.name)
        and not is_set_by_django
        and not getattr(field, "generated", False)
        and not isinstance(field, composite_key())
    )
