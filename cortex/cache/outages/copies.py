"""Keeps what a process loads during an outage for two seconds, so that the database does not fail as well."""

import threading
import time
from typing import Any

KEPT_SECONDS = 2.0
MOST = 1_000

_copies: dict[str, tuple[float, Any]] = {}
_lock = threading.Lock()


def copy_of(name: str, default: Any) -> Any:
    """Returns the copy of a key in this process; `default` when there is none or it has expired."""
    copy = _copies.get(name)
    if copy is None:
        return default
    expires_at, value = copy
    return value if time.monotonic() < expires_at else default


def keep_copy(name: str, value: Any) -> None:
    """Keeps a value for KEPT_SECONDS. At MOST copies it forgets all of them first."""
    with _lock:
        if len(_copies) >= MOST:
            _copies.clear()
        _copies[name] = (time.monotonic() + KEPT_SECONDS, value)


def forget_copies() -> None:
    with _lock:
        _copies.clear()
