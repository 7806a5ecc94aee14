"""The names of users, for many at once and across databases."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError


def names_of(user_ids: Iterable[Any]) -> dict[Any, str]:
    """By one query. Who has been deleted is not in it."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    model: Any = get_user_model()
    rows = model._base_manager.filter(pk__in=wanted).values_list("pk", model.USERNAME_FIELD) if wanted else ()
    return {user_id: str(name) for user_id, name in rows}


def person(user_id: str) -> Any:
    """The user with this key, as it stands in an address; None where there is none."""
    model: Any = get_user_model()
    try:
        return model._base_manager.filter(pk=model._meta.pk.to_python(user_id)).first()
    except (ValueError, OverflowError, ValidationError):
        return None
