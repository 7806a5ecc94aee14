"""Turns errors of the set-up into one line on standard error and exit code 1."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError

NO_DATABASE = "No database. Set DATABASE_URL, or start the embedded one with `make services-up`."
INSUFFICIENT_PRIVILEGE = "42501"


@contextmanager
def explain_faults(arguments: Sequence[str]) -> Iterator[None]:
    """Wraps a whole command. With `--traceback` in the arguments it re-raises the error."""
    try:
        yield
    except (ImproperlyConfigured, DatabaseError) as error:
        explanation = explain(error)
        if explanation is None or "--traceback" in arguments:
            raise
        sys.exit(f"{arguments[0]}: {explanation}")


def explain(error: Exception) -> str | None:
    """Returns one line for a person; None if the error is a bug in the program."""
    if isinstance(error, ImproperlyConfigured):
        return NO_DATABASE if _database_is_missing(error) else str(error)
    if isinstance(error, OperationalError):
        return f"The database is not available ({first_line(error)}). Check DATABASE_URL and the server."
    if any(getattr(link, "sqlstate", None) == INSUFFICIENT_PRIVILEGE for link in _chain(error)):
        return f"The database rejects this: {first_line(error)}. Grant the right to the user of DATABASE_URL."
    return None


def _database_is_missing(error: ImproperlyConfigured) -> bool:
    # The message of Django's placeholder backend, used when no database is configured.
    return str(error).startswith("settings.DATABASES is improperly configured")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def first_line(error: Exception) -> str:
    """Returns the first line of an error's text, or its class if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
