"""Finds users by what people know of them."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

# People who share an e-mail address.
MOST_USERS = 20


def users_named(term: str) -> list[Any]:
    """Return the primary keys of the users with this name or e-mail address, the one with the name first.

    Only whole names and addresses are found: a search for parts would read the whole table.
    """
    model: Any = get_user_model()
    names = [{model.USERNAME_FIELD: term}]
    email, fields = model.get_email_field_name(), {f.name for f in model._meta.concrete_fields}
    if "@" in term and email != model.USERNAME_FIELD and email in fields:
        names.append({f"{email}__iexact": term})
    found: list[Any] = []
    for name in names:
        try:
            found += model._default_manager.filter(**name).values_list("pk", flat=True)[:MOST_USERS]
        except (ValueError, ValidationError):
            continue  # the term is not a valid value for the field
    return list(dict.fromkeys(found))
