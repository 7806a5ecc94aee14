"""Finds the user that a command is about, and asks before it erases anything."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError


def user_named(name: str) -> Any:
    model: Any = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        raise CommandError(f'There is no user "{name}".') from None


def is_confirmed(question: str) -> bool:
    """Ask at the terminal. Raises CommandError where there is nobody to answer."""
    try:
        return input(f"{question} [y/N] ").lower() == "y"
    except EOFError:
        raise CommandError(
            "There is no terminal to answer at; add --yes to go ahead without being asked."
        ) from None
