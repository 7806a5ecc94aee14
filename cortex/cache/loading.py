"""Loads a value that is missing, expired or about to expire: `get_or_set`.

* Nearly or already expired: one caller loads it again while the others get the old value. If loading fails, the old
  value is served for as long as it is kept.
* Missing: one caller of all processes loads it; the others wait.
* While Redis is away, a process keeps what it loads for two seconds, so that the database does not fail as well.
"""

import logging
import math
import time
import uuid
from dataclasses import dataclass
from typing import Any

from cortex.cache import statistics as stats
from cortex.cache.entries import Entries
from cortex.cache.envelope import FOREVER, Envelope, serialized
from cortex.cache.groups import label_of
from cortex.cache.outages import copies
from cortex.cache.redis.server import Away
from cortex.cache.serializer import dumps
from cortex.cache.steps import Load, Pause, Share, Steps

logger = logging.getLogger("cortex.cache")

# An expired value is kept for this many further lifetimes, to be served while a new one is loaded or loading fails.
GRACE_LIFETIMES = 2
LONGEST_GRACE = 3_600.0
# The lock expires after so long, in case its owner dies.
LOCK_MS = 10_000
# Seconds between looks while another process loads a missing key: the first, the longest, and when to stop waiting.
FIRST_LOOK, LAST_LOOK, PATIENCE_SECONDS = 0.01, 0.08, 2.0
# Releases only the lock that we took: after LOCK_MS it may belong to another caller.
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('unlink', KEYS[1]) end return 0"
MISSING: Any = object()


@dataclass(slots=True)
class Loading:
    """One call of `get_or_set`. `default` is the loader or the value itself.

    `lifetime`: in seconds, None for a value that never expires. `grace_lifetimes`: for how many further lifetimes an
    expired value is kept, at most LONGEST_GRACE seconds.
    """

    entries: Entries
    key: Any
    version: int | None
    default: Any
    lifetime: float | None
    grace_lifetimes: float = GRACE_LIFETIMES

    @property
    def name(self) -> str:
        return self.entries.name_of(self.key, self.version)

    def load(self) -> Any:
        return self.default() if callable(self.default) else self.default

    @property
    def label(self) -> str:
        return label_of(str(self.key))

    @property
    def grace(self) -> float:
        return 0.0 if self.lifetime is None else min(self.lifetime * self.grace_lifetimes, LONGEST_GRACE)

    def run(self) -> Steps[Any]:
        """Returns the value. Raises what the loader raises."""
        try:
            envelope = yield from self.entries.read(self.key, self.version)
        except Away:
            return (yield from self._load_during_outage())
        if envelope is None:
            self.entries.count_read(self.key, None)
            return (yield from self._load_cold())
        if envelope.fresh_until != FOREVER and envelope.is_due():
            return (yield from self._load_early(envelope))
        self.entries.count_read(self.key, envelope)
        return envelope.value

    def _load_during_outage(self) -> Steps[Any]:
        copy = copies.copy_of(self.name, MISSING)
        if copy is not MISSING:
            return copy
        value, was_loaded = yield Share(self.name, self._load)
        if was_loaded:
            copies.keep_copy(self.name, value)
        return value

    def _load(self) -> Steps[Any]:
        return (yield Load(self.load))

    def _load_early(self, old: Envelope) -> Steps[Any]:
        token = yield from self._lock()
        if not token:
            self.entries.count_read(self.key, old)
            return old.value
        try:
            value = yield from self._locked(token, self._load_and_store(newer_than=old.fresh_until))
        except Exception as error:
            if time.time() >= old.fresh_until + self.grace:
                raise
            logger.warning(
                "Loading %s again failed (%s); serving the old value.", self.key, type(error).__name__
            )
            self.entries.count_read(self.key, old)
            return old.value
        self.entries.count_read(self.key, None)
        return value

    def _load_cold(self) -> Steps[Any]:
        value, was_loaded = yield Share(self.name, self._load_among_processes)
        if not was_loaded:
            self.entries.count(stats.COALESCED, self.label)
        return value

    def _load_among_processes(self) -> Steps[Any]:
        """Loads the value, unless another process holds the lock: then waits a while for what that one stores."""
        deadline, look = time.monotonic() + PATIENCE_SECONDS, FIRST_LOOK
        while not (token := (yield from self._lock())):
            yield Pause(look)
            look = min(look * 2, LAST_LOOK)
            try:
                envelope = yield from self.entries.read(self.key, self.version)
            except Away:
                break
            if envelope is not None:
                self.entries.count(stats.COALESCED, self.label)
                return envelope.value
            if time.monotonic() > deadline:
                break
        return (yield from self._locked(token, self._load_and_store(newer_than=-math.inf)))

    def _load_and_store(self, *, newer_than: float) -> Steps[Any]:
        """Loads the value, unless the previous owner of the lock has stored one fresh beyond `newer_than`.

        The stamps are read before the loader runs, so a value that is invalidated while it loads is invalid as soon
        as it is stored.
        """
        stamps: tuple[bytes, ...] | None
        try:
            envelope, stamps = yield from self.entries.look(self.key, self.version)
        except Away:
            envelope, stamps = None, None
        if envelope is not None and envelope.fresh_until > newer_than:
            self.entries.count(stats.COALESCED, self.label)
            return envelope.value
        began = time.perf_counter()
        value = yield Load(self.load)
        seconds = time.perf_counter() - began
        self.entries.count(stats.LOAD, self.label)
        self.entries.count(stats.LOAD_MS, self.label, round(seconds * 1e3))
        if stamps is not None and (self.lifetime is None or self.lifetime > 0):
            yield from self._store(value, stamps, seconds)
        return value

    def _store(self, value: Any, stamps: tuple[bytes, ...], seconds: float) -> Steps[None]:
        payload = dumps(value) if callable(self.default) else serialized(value)
        try:
            yield from self.entries.store(
                self.name, payload, self.lifetime, stamps=stamps, load_seconds=seconds, grace=self.grace,
                label=self.label,
            )  # fmt: skip
        except Away:
            yield from self.entries.note_lost([self.name])

    # -- the lock -----------------------------------------------------------------------------------------------------

    @property
    def lock_name(self) -> str:
        return f"{self.name}:lock"

    def _lock(self) -> Steps[str]:
        """Returns a token if this caller loads, else "". While Redis is away every process loads; within one process,
        single flight lets one caller load."""
        token = uuid.uuid4().hex
        try:
            taken = yield from self.entries.server.ask("SET", self.lock_name, token, "NX", "PX", LOCK_MS)
        except Away:
            return token
        return token if taken else ""

    def _locked(self, token: str, steps: Steps[Any]) -> Steps[Any]:
        """Executes the steps and releases the lock however they end."""
        try:
            value = yield from steps
        except GeneratorExit:
            raise  # nobody executes our steps any more; the lock expires
        except BaseException:
            yield from self._unlock(token)
            raise
        yield from self._unlock(token)
        return value

    def _unlock(self, token: str) -> Steps[None]:
        if not token:
            return
        try:
            yield from self.entries.server.ask("EVAL", UNLOCK, 1, self.lock_name, token)
        except Away:
            return
