"""What became of events in this process, and a log that does not flood.

Tracking never raises; so it has to count, and say what it could not do.
"""

import logging
import threading
import time
from collections import Counter

logger = logging.getLogger("tracking")

# One line per kind of fault in so long: a database that is away would otherwise fill the log.
QUIET_SECONDS = 10.0

_lock = threading.Lock()
_counts: Counter[str] = Counter()
_said_at: dict[str, float] = {}


def count(what: str, number: int = 1) -> None:
    """`written`, `streamed`, `spooled`, `replayed`, `dropped`, `faults`."""
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
        # The first line alone: what follows in a database's message are the values of the row.
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        logger.error("%s failed: %s: %s", doing, type(error).__name__, reason)
