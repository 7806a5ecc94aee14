"""Per-process event counters and rate-limited fault logging.

Tracking never raises, so it counts its faults and logs them.
"""

import logging
import threading
import time
from collections import Counter

from django.db import OperationalError, ProgrammingError

logger = logging.getLogger("tracking")

# Each kind of fault is logged once in this time; otherwise a database that is away would fill the log.
QUIET_SECONDS = 10.0

_lock = threading.Lock()
_counts: Counter[str] = Counter()
_logged_at: dict[str, float] = {}  # by kind of fault; monotonic seconds


def count(name: str, number: int = 1) -> None:
    """Add to a counter; `counts` lists the names."""
    with _lock:
        _counts[name] += number


def counts() -> dict[str, int]:
    """Return how many events this process handled since it started, by what happened to them. Never raises.

    written    into the database
    streamed   onto the Redis stream
    spooled    into the spool, while the database was away
    replayed   from the spool into the database
    refused    set aside, because the database rejects their values
    dropped    lost, because not even the spool could be written
    faults     exceptions that tracking caught; each is one count, not one per event

    Names that never occurred are missing.
    """
    with _lock:
        return dict(_counts)


def forget() -> None:
    """Set the counters to zero, and log the next fault of every kind."""
    with _lock:
        _counts.clear()
        _logged_at.clear()


def report_fault(doing: str, error: BaseException) -> None:
    """Count a fault, and log it in one line unless the same kind was logged within QUIET_SECONDS."""
    kind = f"{doing}: {type(error).__name__}"
    with _lock:
        _counts["faults"] += 1
        now = time.monotonic()
        has_to_be_logged = now - _logged_at.get(kind, -QUIET_SECONDS) >= QUIET_SECONDS
        if has_to_be_logged:
            _logged_at[kind] = now
    if has_to_be_logged:
        logger.error("%s failed: %s%s", doing, type(error).__name__, _loggable_reason(error))


def _loggable_reason(error: BaseException) -> str:
    """Return the part of the message that may be logged.

    Of errors of the database, Redis or the system: the first line, because further lines quote the values of the row.
    Of other exceptions: nothing, because they may quote what somebody typed.
    """
    if (
        not isinstance(error, OperationalError | ProgrammingError | OSError)
        and "redis" not in type(error).__module__
    ):
        return ""
    return ": " + (str(error).strip().splitlines() or [""])[0][:300]
