"""While Redis is away: what a process loaded, for a moment, so that an outage of the cache is none of the database."""

import threading
import time
from collections.abc import Callable
from typing import Any

from cortex.cache.flight import single_flight

KEPT_SECONDS = 2.0
MOST = 1_000

_copies: dict[str, tuple[float, Any]] = {}
_lock = threading.Lock()


def outage_copy(name: str, load: Callable[[], Any]) -> Any:
    kept = _copies.get(name)
    if kept is not None and time.monotonic() < kept[0]:
        return kept[1]
    value, _ = single_flight(name, load)
    with _lock:
        if len(_copies) >= MOST:
            _copies.clear()
        _copies[name] = (time.monotonic() + KEPT_SECONDS, value)
    return value


def forget_copies() -> None:
    with _lock:
        _copies.clear()
