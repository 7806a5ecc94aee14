"""Counts tries within a time window, for all processes; if the cache cannot count, for this process alone.

A window starts with the first try and lasts a fixed number of seconds.
"""

import contextlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

# Counters that a process keeps while Redis is away. Beyond it, the oldest is dropped; nginx limits by address as well.
MOST_KEPT = 10_000
# A cache without `count_within` may drop a counter between two steps; one that drops it every time cannot count.
ATTEMPTS = 3


@dataclass(frozen=True)
class Limit:
    """At most `most` tries within `seconds` of the first one."""

    most: int
    seconds: int


def count(key: str, limit: Limit) -> int:
    """Adds a try. Returns how many there are in the window, this one included."""
    shared = _count_shared(key, limit)
    return _local.count(key, limit.seconds) if shared is None else shared + _local.number(key)


def take_back(key: str) -> None:
    """Removes a try. Does not restart a window that has ended."""
    if not _local.take_back(key):
        with contextlib.suppress(ValueError):
            cache.decr(key)


def forget(key: str) -> None:
    """Removes all tries."""
    _local.drop(key)
    cache.delete(key)


def _count_shared(key: str, limit: Limit) -> int | None:
    """Returns None if the cache cannot count."""
    shared: Any = cache
    if hasattr(shared, "count_within"):
        counted: int | None = shared.count_within(key, limit.seconds)
        return counted
    for _ in range(ATTEMPTS):
        cache.add(key, 0, limit.seconds)
        with contextlib.suppress(ValueError):  # it expired after the line above, or this cache stores nothing
            return cache.incr(key)
    return None


class LocalCounters:
    """Counts in this process's memory. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: OrderedDict[str, list[float]] = OrderedDict()  # count, end on the monotonic clock

    def count(self, key: str, seconds: float) -> int:
        with self._lock:
            counter = self._living(key)
            if counter is None:
                if len(self._counters) >= MOST_KEPT:
                    self._counters.popitem(last=False)
                counter = self._counters[key] = [0, time.monotonic() + seconds]
            counter[0] += 1
            return int(counter[0])

    def number(self, key: str) -> int:
        with self._lock:
            counter = self._living(key)
            return int(counter[0]) if counter else 0

    def take_back(self, key: str) -> bool:
        """Removes a try. False: this process has not counted it."""
        with self._lock:
            counter = self._living(key)
            if counter is None or counter[0] <= 0:
                return False
            counter[0] -= 1
            return True

    def drop(self, key: str) -> None:
        with self._lock:
            self._counters.pop(key, None)

    def forget(self) -> None:
        with self._lock:
            self._counters.clear()

    def _living(self, key: str) -> list[float] | None:
        counter = self._counters.get(key)
        if counter is not None and counter[1] <= time.monotonic():
            del self._counters[key]
            return None
        return counter


_local = LocalCounters()
