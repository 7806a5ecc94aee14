"""Reads the names of many users with one query, also from another database."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError


def names_of(user_ids: Iterable[Any]) -> dict[Any, str]:
    """Return names by primary key, with one query. Deleted users are missing."""
    keys = {user_id for user_id in user_ids if user_id is not None}
    model: Any = get_user_model()
    rows = model._base_manager.filter(pk__in=keys).values_list("pk", model.USERNAME_FIELD) if keys else ()
    return {user_id: str(name) for user_id, name in rows}


def person(user_id: str) -> Any:
    """Return the user with a primary key from an address; None if it does not exist or is invalid."""
    model: Any = get_user_model()
    try:
        return model._base_manager.filter(pk=model._meta.pk.to_python(user_id)).first()
    except (ValueError, OverflowError, ValidationError):
        return None
