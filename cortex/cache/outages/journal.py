"""What could not be invalidated while Redis was away: made up for before anybody reads from it again.

Without it, an old value that outlived the outage would be served as if nothing had happened. Also a `set` that was lost
is an invalidation: what Redis still has is older.
"""

import threading
from collections.abc import Iterator
from typing import Any

from cortex.cache.groups import STAMP_SECONDS, new_stamp

# More than this is not kept: then all that Redis has of these aliases is given up.
MOST = 10_000
BATCH = 500


class Journal:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self._stamps: set[str] = set()

    def note_key(self, key: str, *, everything: str) -> None:
        """`everything`: the stamp of the key's whole alias, which stands in for its keys where they are too many."""
        with self._lock:
            if len(self._keys) < MOST:
                self._keys.add(key)
            else:
                self._stamps.add(everything)

    def note_stamp(self, key: str) -> None:
        with self._lock:
            self._stamps.add(key)

    def replay(self) -> Iterator[tuple[Any, ...]]:
        """The commands that make up for it. Who asks for them all has put each to Redis; else all of it is kept."""
        with self._lock:
            keys, stamps = list(self._keys), list(self._stamps)
        for start in range(0, len(keys), BATCH):
            yield "UNLINK", *keys[start : start + BATCH]
        for stamp in stamps:
            yield "SET", stamp, new_stamp(), "EX", STAMP_SECONDS
        with self._lock:
            self._keys.difference_update(keys)
            self._stamps.difference_update(stamps)


_journals: dict[str, Journal] = {}
_registry = threading.Lock()


def journal_of(server: str) -> Journal:
    with _registry:
        return _journals.setdefault(server, Journal())
