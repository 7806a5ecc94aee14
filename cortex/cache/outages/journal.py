"""Remembers invalidations that failed while Redis was away, and repeats them before this process reads again.

Without it, an old value that survived the outage would be served as if nothing had happened. A `set` that was lost is
an invalidation too: the value that Redis still has is older.
"""

import threading
from collections.abc import Iterator
from typing import Any

from cortex.cache.groups import STAMP_SECONDS, new_stamp

# Beyond this many keys, the whole alias of each further key is invalidated instead.
MOST = 10_000
BATCH = 500


class Journal:
    """The lost keys and stamps of one server, in this process's memory. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self._stamps: set[str] = set()

    def note_key(self, key: str, *, everything: str) -> None:
        """`everything`: the stamp of the key's alias, noted instead when there are too many keys."""
        with self._lock:
            if len(self._keys) < MOST:
                self._keys.add(key)
            else:
                self._stamps.add(everything)

    def note_stamp(self, key: str) -> None:
        with self._lock:
            self._stamps.add(key)

    def replay(self) -> Iterator[tuple[Any, ...]]:
        """Yields the commands that repeat the lost invalidations.

        The caller sends each command before it takes the next. The journal forgets them only after the last one, so
        after an error in between it repeats them all.
        """
        with self._lock:
            keys, stamps = list(self._keys), list(self._stamps)
        for start in range(0, len(keys), BATCH):
            yield "UNLINK", *keys[start : start + BATCH]
        for stamp in stamps:
            yield "SET", stamp, new_stamp(), "EX", STAMP_SECONDS
        with self._lock:
            self._keys.difference_update(keys)
            self._stamps.difference_update(stamps)
