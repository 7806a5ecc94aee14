"""A circuit breaker for each Redis: after a fault nobody waits for it until a probe has found it well again.

https://martinfowler.com/bliki/CircuitBreaker.html. It opens at the first fault, so that one request pays for finding
out and the others nothing.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError  # noqa: A004

logger = logging.getLogger("cortex.cache")

# What says that Redis is away or not itself. Answers such as WRONGTYPE or OOM say that it is there.
OUTAGES = (ConnectionError, TimeoutError, BusyLoadingError)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 3.0


class Breaker:
    def __init__(self, server: str) -> None:
        self.server = server
        self._lock = threading.Lock()
        self._pause = FIRST_PAUSE
        self._closed_again_at = 0.0
        self.is_open = False

    def lets_through(self, probe: Callable[[], Any]) -> bool:
        """Whether to ask Redis. Once the pause is over, one caller probes it; the breaker closes if that goes well."""
        if not self.is_open:
            return True
        if time.monotonic() < self._closed_again_at or not self._lock.acquire(blocking=False):
            return False
        try:
            if self.is_open and time.monotonic() >= self._closed_again_at:
                self._try(probe)
            return not self.is_open
        finally:
            self._lock.release()

    def _try(self, probe: Callable[[], Any]) -> None:
        try:
            probe()
        except OUTAGES as error:
            self._open_for_longer(error)
        else:
            self.is_open, self._pause = False, FIRST_PAUSE
            logger.warning("Redis at %s answers again.", self.server)

    def report(self, error: Exception) -> None:
        """A fault of Redis was met."""
        with self._lock:
            if not self.is_open:
                logger.warning(
                    "Redis at %s is away (%s); the site goes on without it.",
                    self.server,
                    type(error).__name__,
                )
                self._open_for_longer(error)

    def _open_for_longer(self, error: Exception) -> None:
        self.is_open = True
        # With jitter, so that the processes of a site do not all knock at once.
        self._closed_again_at = time.monotonic() + self._pause * random.uniform(0.7, 1.0)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


_breakers: dict[str, Breaker] = {}
_registry = threading.Lock()


def breaker_of(server: str) -> Breaker:
    """One for each server and process: cache objects come and go with each thread and request."""
    with _registry:
        return _breakers.setdefault(server, Breaker(server))


def forget_breakers() -> None:
    with _registry:
        _breakers.clear()
