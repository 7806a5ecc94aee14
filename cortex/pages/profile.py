"""Reads what the home page shows of a user."""

from typing import Any

from django.core.cache import caches

from cortex.models import User


def profile_of(user: User) -> dict[str, Any]:
    users: Any = caches["users"]
    profile: dict[str, Any] = users.get_or_set(f"users:{user.pk}:profile", lambda: _person(user))
    return profile


def _person(user: User) -> dict[str, Any]:
    return {
        "name": user.get_full_name(),
        "email": user.email,
        "role": user.get_role_display(),
        "status": user.get_status_display(),
        "joined_on": user.joined_on,
    }
