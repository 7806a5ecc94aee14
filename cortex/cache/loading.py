"""A wish for a value that may have to be loaded: `get_or_set`.

A value that is nearly over, or over, is loaded anew by one caller while the others are served what there was; where
loading fails, what there was is served for as long as it is kept. A value that is not there is loaded by one caller of
all processes. While Redis is away, a process keeps what it loaded for a moment, so that the outage is not handed on to
the database.
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

# A value outlives its freshness by this many lifetimes, to be served while a new one is loaded, or cannot be.
GRACE_LIFETIMES = 2
LONGEST_GRACE = 3_600.0
LOCK_MS = 10_000
# Who finds a cold key being loaded by another process looks again after so long, and gives up after so long.
FIRST_LOOK, LAST_LOOK, PATIENCE_SECONDS = 0.01, 0.08, 2.0
# Only the lock that we took: after LOCK_MS it may be somebody else's.
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('unlink', KEYS[1]) end return 0"
MISSING: Any = object()


@dataclass(slots=True)
class Wish:
    """`default`: the loader, or the value itself. `lifetime` in seconds, None for ever. `grace_lifetimes`: how long a
    value is kept that is over."""

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

    def come_true(self) -> Steps[Any]:
        """The value. Raises what the loader raises."""
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
        kept = copies.copy_of(self.name, MISSING)
        if kept is not MISSING:
            return kept
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
                "Loading %s anew failed (%s); what there was is served.", self.key, type(error).__name__
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
        """Load it, unless another process is about to: then wait a while for what that one stores."""
        deadline, look = time.monotonic() + PATIENCE_SECONDS, FIRST_LOOK
        while not (token := (yield from self._lock())):
            yield Pause(look)
            look = min(look * 2, LAST_LOOK)
            try:
                there = yield from self.entries.read(self.key, self.version)
            except Away:
                break
            if there is not None:
                self.entries.count(stats.COALESCED, self.label)
                return there.value
            if time.monotonic() > deadline:
                break
        return (yield from self._locked(token, self._load_and_store(newer_than=-math.inf)))

    def _load_and_store(self, *, newer_than: float) -> Steps[Any]:
        """Look once more, since who had the lock before us may have stored it: `newer_than` is until when what we know
        is fresh. The stamps come with that look, before the loader runs: what is invalidated meanwhile is invalid as
        soon as it is stored."""
        stamps: tuple[bytes, ...] | None
        try:
            there, stamps = yield from self.entries.look(self.key, self.version)
        except Away:
            there, stamps = None, None
        if there is not None and there.fresh_until > newer_than:
            self.entries.count(stats.COALESCED, self.label)
            return there.value
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
        """A token if this caller is to load, else nothing. While Redis is away all are; flights see to the rest."""
        token = uuid.uuid4().hex
        try:
            taken = yield from self.entries.server.ask("SET", self.lock_name, token, "NX", "PX", LOCK_MS)
        except Away:
            return token
        return token if taken else ""

    def _locked(self, token: str, steps: Steps[Any]) -> Steps[Any]:
        """These steps, and the lock given back after them however they end."""
        try:
            value = yield from steps
        except GeneratorExit:
            raise  # whoever took our steps takes no more; the lock lapses
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
