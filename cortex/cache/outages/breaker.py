"""A circuit breaker for each Redis: after a fault nobody waits for it until a probe has found it well again.

https://martinfowler.com/bliki/CircuitBreaker.html. It opens at the first fault, so that one request pays for finding
out and the others nothing.
"""

import logging
import random
import threading
import time

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
        self._probe_at = 0.0
        self._is_probed = False
        self.is_open = False

    def takes_probe(self) -> bool:
        """Whether this caller shall see to a probe of an open breaker's Redis: once the pause is over, one at a time.
        Who is told to also says how it went, by `found_well` or `found_away`."""
        with self._lock:
            if not self.is_open or self._is_probed or time.monotonic() < self._probe_at:
                return False
            self._is_probed = True
            return True

    def found_well(self) -> None:
        with self._lock:
            self.is_open, self._is_probed, self._pause = False, False, FIRST_PAUSE
        logger.warning("Redis at %s answers again.", self.server)

    def found_away(self) -> None:
        with self._lock:
            self._is_probed = False
            self._open_for_longer()

    def report(self, error: Exception) -> None:
        """A fault of Redis was met."""
        with self._lock:
            if not self.is_open:
                logger.warning(
                    "Redis at %s is away (%s); the site goes on without it.",
                    self.server,
                    type(error).__name__,
                )
                self._open_for_longer()

    def _open_for_longer(self) -> None:
        self.is_open = True
        # With jitter, so that the processes of a site do not all knock at once.
        self._probe_at = time.monotonic() + self._pause * random.uniform(0.7, 1.0)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


_breakers: dict[str, Breaker] = {}
_registry = threading.Lock()


def breaker_of(server: str) -> Breaker:
    """One for each server and process: cache objects come and go with each thread and request."""
    breaker = _breakers.get(server)
    if breaker is not None:
        return breaker
    with _registry:
        return _breakers.setdefault(server, Breaker(server))


def forget_breakers() -> None:
    with _registry:
        _breakers.clear()
