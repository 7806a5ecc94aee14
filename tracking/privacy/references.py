"""Rows of other apps that refer to a user, found by the models' own relations."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction


@dataclass(frozen=True, slots=True)
class Reference:
    """How many rows of a model refer to the user; None where its table cannot be read."""

    label: str
    rows: int | None


def references_to(user: Any, *, but: Container[str]) -> list[Reference]:
    """Of the apps that are not among `but`, by their labels. Generic relations are not known to the user's model."""
    relations = [f for f in user._meta.get_fields(include_hidden=True) if f.auto_created and not f.concrete]
    found: dict[str, int | None] = {}
    for relation in relations:
        model: Any = relation.related_model
        # A many-to-many relation is counted by its own table, which refers to the user as well.
        if relation.many_to_many or model._meta.app_label in but:
            continue
        rows = _count(model, relation.field.name, user)
        before = found.get(model._meta.label, 0)
        found[model._meta.label] = None if rows is None or before is None else before + rows
    return [Reference(label, rows) for label, rows in sorted(found.items()) if rows != 0]


def _count(model: Any, name: str, user: Any) -> int | None:
    rows = model._base_manager.filter(**{name: user})
    try:
        with transaction.atomic(using=rows.db):
            return int(rows.count())
    except DatabaseError:
        return None
