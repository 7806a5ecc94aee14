"""Forgets a user who was erased from the log."""

from typing import Any

from django.db import router

from analytics.models import UserRollup
from analytics.rollups.refresh import held_positions


def on_erased(sender: Any, user: Any, **kwargs: Any) -> None:
    """Delete what the roll-up has of the user.

    Waits for a step of `refresh`, which may have read the user's logins before they were erased.
    """
    with held_positions():
        UserRollup.objects.using(router.db_for_write(UserRollup)).filter(pk=user.pk).delete()
