"""Waits for a database that is away or busy, with back-off and jitter, for up to `RETRY_SECONDS`."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections
from psycopg import Error as PsycopgError

from importer.conf import conf
from importer.exceptions import DatabaseGone, first_line
from importer.models import ledger_alias
from importer.work.control import Control

# SQLSTATEs of transient errors: connection, resources, shutdown, serialization, deadlock, lock timeout.
TRANSIENT = ("08", "53", "57P", "40001", "40P01", "55P03")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


T = TypeVar("T")


def is_transient(error: BaseException) -> bool:
    """Tell whether a retry may succeed: the database was away or busy, and the records are not the cause."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    state = cause.sqlstate if isinstance(cause, PsycopgError) else None
    return state is None or state.startswith(TRANSIENT)


class Patience:
    """Back-off with jitter for one outage. Create it when the outage begins; it ends after `RETRY_SECONDS`."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.pause = FIRST_PAUSE

    def endure(self, error: DatabaseError) -> float:
        """Close the connections and return the seconds to wait before the next try.

        Raises the error itself if it is not transient, and DatabaseGone after `RETRY_SECONDS`.
        """
        if not is_transient(error) or connections[ledger_alias()].in_atomic_block:
            raise error
        if time.monotonic() - self.since >= conf.RETRY_SECONDS:
            raise DatabaseGone(
                f"The database did not come back within {conf.RETRY_SECONDS:.0f} s: {first_line(error)}"
            )
        for connection in connections.all(initialized_only=True):
            connection.close()
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        return pause * random.uniform(0.5, 1.5)


def patiently(
    call: Callable[[], T], control: Control, *, on_trouble: Callable[[DatabaseError], None] | None = None
) -> T:
    """Call, and repeat the call while the database is away. For calls that may be repeated, outside transactions.

    Progress in between (`control.progressed_at`) ends one outage, so the next error starts a new one. Raises what
    `Patience.endure` raises, and the error itself once the run is stopping.
    """
    patience = None
    while True:
        try:
            return call()
        except DatabaseError as error:
            if control.stopping:
                raise
            if patience is None or control.progressed_at > patience.since:
                patience = Patience()
            pause = patience.endure(error)
            if on_trouble:
                on_trouble(error)
            control.wait(pause)
