"""A broken set-up ends a command with one line that says what to mend, and exit code 1."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError

NO_DATABASE = "No database. Set DATABASE_URL, or start the embedded one with `make services-up`."
INSUFFICIENT_PRIVILEGE = "42501"


@contextmanager
def explain_faults(arguments: Sequence[str]) -> Iterator[None]:
    """Wraps a whole command. With `--traceback` among the arguments the error goes through as it is."""
    try:
        yield
    except (ImproperlyConfigured, DatabaseError) as error:
        explanation = explain(error)
        if explanation is None or "--traceback" in arguments:
            raise
        sys.exit(f"{arguments[0]}: {explanation}")


def explain(error: Exception) -> str | None:
    """One line for a person, or None where the error is a mistake in the program."""
    if isinstance(error, ImproperlyConfigured):
        return NO_DATABASE if _database_is_missing(error) else str(error)
    if isinstance(error, OperationalError):
        return f"The database does not answer as it should: {_first_line(error)}"
    if any(getattr(link, "sqlstate", None) == INSUFFICIENT_PRIVILEGE for link in _chain(error)):
        return f"The database refuses: {_first_line(error)}. Grant the right to the user of DATABASE_URL."
    return None


def _database_is_missing(error: ImproperlyConfigured) -> bool:
    # What Django's placeholder backend says, which stands in where no database is configured.
    return str(error).startswith("settings.DATABASES is improperly configured")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
