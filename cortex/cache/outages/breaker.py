"""Stops asking a Redis after its first fault, until a probe gets an answer again (a circuit breaker).

https://martinfowler.com/bliki/CircuitBreaker.html. It opens at the first fault, so that one request pays for finding
out and the others pay nothing.
"""

import logging
import random
import threading
import time

from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError  # noqa: A004

logger = logging.getLogger("cortex.cache")

# These mean that Redis is away or still loading. Replies such as WRONGTYPE or OOM mean that it is there.
OUTAGES = (ConnectionError, TimeoutError, BusyLoadingError)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 3.0


class Breaker:
    """Open: callers must not ask the server. Pauses between probes double from 0.5 to 3 seconds. Thread-safe."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._lock = threading.Lock()
        self._pause = FIRST_PAUSE
        self._probe_at = 0.0
        self._is_probed = False
        self.is_open = False

    def claim_probe(self) -> bool:
        """Whether this caller must probe the server: the breaker is open, the pause is over, and nobody else probes.

        After True, the caller must call `close` or `stay_open` with the result, or nobody probes again.
        """
        with self._lock:
            if not self.is_open or self._is_probed or time.monotonic() < self._probe_at:
                return False
            self._is_probed = True
            return True

    def close(self) -> None:
        with self._lock:
            self.is_open, self._is_probed, self._pause = False, False, FIRST_PAUSE
        logger.warning("Redis at %s answers again.", self.server)

    def stay_open(self) -> None:
        with self._lock:
            self._is_probed = False
            self._open_for_longer()

    def report(self, error: Exception) -> None:
        """Opens the breaker after a fault."""
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
        # With jitter, so that the processes of a site do not all probe at once.
        self._probe_at = time.monotonic() + self._pause * random.uniform(0.7, 1.0)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
