"""Reads what the home page shows of a user: their profile, and how many POVs and open TRRs they have."""

from typing import Any

from django.core.cache import caches

from cortex.models import Pov, Trr, User


def profile_of(user: User) -> dict[str, Any]:
    """Combines three cached values, because the numbers expire with the lists and not with the user."""
    users: Any = caches["users"]
    numbers = caches["lists"]
    return {
        **users.get_or_set(f"users:{user.pk}:profile", lambda: _person(user)),
        "own_povs": numbers.get_or_set(f"povs:number:{user.pk}", lambda: Pov.objects.of(user).count()),
        "open_trrs": numbers.get_or_set(
            f"trrs:number:{user.pk}", lambda: Trr.objects.of(user).open().count()
        ),
    }


def _person(user: User) -> dict[str, Any]:
    return {
        "name": user.get_full_name(),
        "email": user.email,
        "role": user.get_role_display(),
        "status": user.get_status_display(),
        "joined_on": user.joined_on,
    }
