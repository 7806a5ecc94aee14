"""While Redis is away: what a process loaded, for a moment, so that an outage of the cache is none of the database."""

import threading
import time
from typing import Any

KEPT_SECONDS = 2.0
MOST = 1_000

_copies: dict[str, tuple[float, Any]] = {}
_lock = threading.Lock()


def copy_of(name: str, default: Any) -> Any:
    kept = _copies.get(name)
    return kept[1] if kept is not None and time.monotonic() < kept[0] else default


def keep_copy(name: str, value: Any) -> None:
    with _lock:
        if len(_copies) >= MOST:
            _copies.clear()
        _copies[name] = (time.monotonic() + KEPT_SECONDS, value)


def forget_copies() -> None:
    with _lock:
        _copies.clear()
