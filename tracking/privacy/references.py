"""Counts rows of other apps that refer to a user, by the relations of their models."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction


@dataclass(frozen=True, slots=True)
class Reference:
    """A model with the number of its rows that refer to the user; None if its table cannot be read."""

    label: str
    rows: int | None


def references_to(user: Any, *, but: Container[str]) -> list[Reference]:
    """Count the references of all apps but those with the labels `but`.

    Generic relations are missing, because the user model does not know of them.
    """
    relations = [f for f in user._meta.get_fields(include_hidden=True) if f.auto_created and not f.concrete]
    counts: dict[str, int | None] = {}
    for relation in relations:
        model: Any = relation.related_model
        # A many-to-many relation is counted by its own table, which also refers to the user.
        if relation.many_to_many or model._meta.app_label in but:
            continue
        rows = _count(model, relation.field.name, user)
        before = counts.get(model._meta.label, 0)
        counts[model._meta.label] = None if rows is None or before is None else before + rows
    return [Reference(label, rows) for label, rows in sorted(counts.items()) if rows != 0]


def _count(model: Any, name: str, user: Any) -> int | None:
    rows = model._base_manager.filter(**{name: user})
    try:
        with transaction.atomic(using=rows.db):
            return int(rows.count())
    except DatabaseError:
        return None
