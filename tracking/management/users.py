"""Finds the user of a command, and asks for confirmation before it erases anything."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError


def user_named(name: str) -> Any:
    model: Any = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        raise CommandError(f'No user is named "{name}".') from None


def is_confirmed(question: str) -> bool:
    """Ask at the terminal. Raises CommandError without a terminal."""
    try:
        return input(f"{question} [y/N] ").lower() == "y"
    except EOFError:
        raise CommandError("Cannot ask for confirmation without a terminal; add --yes to confirm.") from None
