"""What became of events in this process, and a log that does not flood.

Tracking never raises; so it has to count, and say what it could not do.
"""

import logging
import threading
import time
from collections import Counter

from django.db import OperationalError, ProgrammingError

logger = logging.getLogger("tracking")

# One line per kind of fault in so long: a database that is away would otherwise fill the log.
QUIET_SECONDS = 10.0

_lock = threading.Lock()
_counts: Counter[str] = Counter()
_said_at: dict[str, float] = {}


def count(what: str, number: int = 1) -> None:
    """`written`, `streamed`, `spooled`, `replayed`, `refused`, `dropped`, `faults`."""
    with _lock:
        _counts[what] += number


def counts() -> dict[str, int]:
    with _lock:
        return dict(_counts)


def report_fault(doing: str, error: BaseException) -> None:
    """Count a fault, and say it in one line unless the like was just said."""
    kind = f"{doing}: {type(error).__name__}"
    with _lock:
        _counts["faults"] += 1
        now = time.monotonic()
        is_news = now - _said_at.get(kind, -QUIET_SECONDS) >= QUIET_SECONDS
        if is_news:
            _said_at[kind] = now
    if is_news:
        logger.error("%s failed: %s%s", doing, type(error).__name__, _in_words(error))


def _in_words(error: BaseException) -> str:
    """What may stand in a log: of a fault of the world its first line, for the others are the values of the row; of any
    other exception nothing, for it may quote what somebody typed."""
    if (
        not isinstance(error, OperationalError | ProgrammingError | OSError)
        and "redis" not in type(error).__module__
    ):
        return ""
    return ": " + (str(error).strip().splitlines() or [""])[0][:300]
