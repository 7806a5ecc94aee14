"""Reads, writes and invalidates the entries of an alias in Redis: envelopes and the stamps of their groups."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from cortex.cache import statistics as stats
from cortex.cache.envelope import FOREVER, Envelope, pack, serialized, unpack
from cortex.cache.groups import (
    EVERYTHING,
    STAMP_PREFIX,
    STAMP_SECONDS,
    group_of_pattern,
    groups_of,
    label_of,
    new_stamp,
)
from cortex.cache.redis.server import Away, Server
from cortex.cache.serializer import NotReadable, dumps
from cortex.cache.steps import Steps

logger = logging.getLogger("cortex.cache")

MISSING: Any = object()
# Adds to a bare integer in one step: between GET and INCRBY the key may expire, and INCRBY would create it again
# without an expiry.
ADD_TO_BARE = """
local value = redis.call('get', KEYS[1])
if not value or not string.match(value, '^-?%d+$') then return nil end
return redis.call('incrby', KEYS[1], ARGV[1])
"""
COUNT_WITHIN = """
local number = redis.call('incr', KEYS[1])
if number == 1 or redis.call('pttl', KEYS[1]) < 0 then redis.call('pexpire', KEYS[1], ARGV[1]) end
return number
"""
SCAN_COUNT, UNLINK_BATCH = 1_000, 500


def in_utf8(name: str) -> str:
    """Escapes lone surrogates, which a stranger may put into a key, because they cannot be sent."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()


class Entries:
    """`name_of` returns the name in Redis of a key and version. Lifetimes are in seconds; None never expires.

    Methods raise Away only if their docstring says so.
    """

    def __init__(
        self,
        server: Server,
        name_of: Callable[[Any, int | None], str],
        *,
        has_groups: bool,
    ) -> None:
        self.server = server
        self.name_of = name_of
        self.has_groups = has_groups
        self._stamps = name_of(STAMP_PREFIX, 1)  # plus a group's name: the name of its stamp
        # Names that this request tried to read while Redis was away. A `set` that follows only copies from the
        # database again, as for each session of each request in an outage: if it fails, nothing is lost.
        self.unanswered: set[str] = set()

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, key: Any, version: int | None) -> Steps[Envelope | None]:
        """Returns the valid value of a key, fresh or not; None if there is none. One MGET. Raises Away."""
        names = [self.name_of(key, version), *self._stamp_names(str(key))]
        data, *stamps = yield from self.server.several(names, label=label_of(str(key)))
        return self._valid(data, tuple(stamps))

    def read_many(self, keys: list[Any], version: int | None) -> Steps[dict[Any, Envelope]]:
        """Reads several keys as `read` does, in one MGET for all of them. Raises Away."""
        names = [self.name_of(key, version) for key in keys]
        stamps = {key: self._stamp_names(str(key)) for key in keys}
        distinct = list(dict.fromkeys(name for group in stamps.values() for name in group))
        answer = yield from self.server.several([*names, *distinct], label=label_of(str(keys[0])))
        current = dict(zip(distinct, answer[len(names) :], strict=True))
        envelopes = {}
        for key, data in zip(keys, answer, strict=False):
            envelope = self._valid(data, tuple(current[name] for name in stamps[key]))
            if envelope is not None:
                envelopes[key] = envelope
        return envelopes

    def look(self, key: Any, version: int | None) -> Steps[tuple[Envelope | None, tuple[bytes, ...]]]:
        """Returns the valid value, if any, and the stamps to store a new value with. Raises Away."""
        names = self._stamp_names(str(key))
        data, *stamps = yield from self.server.several([self.name_of(key, version), *names])
        return self._valid(data, tuple(stamps)), (yield from self._completed(names, stamps))

    def stamps_of(self, key: Any) -> Steps[tuple[bytes, ...]]:
        """Returns the current stamps of a key's groups, creating missing ones. Raises Away."""
        names = self._stamp_names(str(key))
        if not names:
            return ()
        return (yield from self._completed(names, (yield from self.server.several(names))))

    def _completed(self, names: list[str], stamps: list[bytes | None]) -> Steps[tuple[bytes, ...]]:
        """Returns the stamps with these names, creating missing ones. Raises Away."""
        missing = [name for name, stamp in zip(names, stamps, strict=True) if stamp is None]
        for name in missing:
            yield from self.server.ask("SET", name, new_stamp(), "NX", "EX", STAMP_SECONDS)
        return tuple((yield from self.server.several(names)) if missing else stamps)

    def _stamp_names(self, key: str) -> list[str]:
        return [self._stamps + in_utf8(group) for group in groups_of(key)] if self.has_groups else []

    def _valid(self, data: Any, stamps: tuple[bytes | None, ...]) -> Envelope | None:
        if data is None:
            return None
        try:
            envelope = unpack(data)
        except NotReadable as error:
            logger.warning("Unreadable value in Redis (%s), treated as a miss: %s", self.server.alias, error)
            return None
        return envelope if envelope.is_bare or envelope.stamps == stamps else None

    def count_read(self, key: Any, envelope: Envelope | None) -> None:
        """`envelope`: what the caller got; None for a miss."""
        label = label_of(str(key))
        if envelope is None:
            self.count(stats.MISS, label)
            return
        self.count(stats.HIT if envelope.is_fresh() else stats.STALE_HIT, label)
        if saved := round(envelope.load_seconds * 1e3):
            self.count(stats.SAVED_MS, label, saved)

    def count(self, what: str, label: str, number: int = 1) -> None:
        stats.statistics.count(self.server.alias, label, what, number)

    def get(self, key: Any, default: Any, version: int | None) -> Steps[Any]:
        try:
            envelope = yield from self._fresh(key, version)
        except Away:
            self._leave_unanswered([key], version)
            return default
        self.count_read(key, envelope)
        return default if envelope is None else envelope.value

    def get_many(self, keys: list[Any], version: int | None) -> Steps[dict[Any, Any]]:
        if not keys:
            return {}
        try:
            envelopes = yield from self.read_many(keys, version)
        except Away:
            self._leave_unanswered(keys, version)
            return {}
        fresh = {key: envelope for key, envelope in envelopes.items() if envelope.is_fresh()}
        for key in keys:
            self.count_read(key, fresh.get(key))
        return {key: envelope.value for key, envelope in fresh.items()}

    def _leave_unanswered(self, keys: list[Any], version: int | None) -> None:
        if self.server.has_outbox:
            self.unanswered.update(self.name_of(key, version) for key in keys)

    def has(self, key: Any, version: int | None) -> Steps[bool]:
        return (yield from self.get(key, MISSING, version)) is not MISSING

    def _fresh(self, key: Any, version: int | None) -> Steps[Envelope | None]:
        """Raises Away."""
        envelope = yield from self.read(key, version)
        return envelope if envelope is not None and envelope.is_fresh() else None

    def ttl(self, key: Any, version: int | None) -> Steps[int | None]:
        """Returns the seconds until a value expires: None for never, 0 if there is no value."""
        try:
            envelope = yield from self._fresh(key, version)
            if envelope is None:
                return 0
            if envelope.fresh_until != FOREVER:
                return int(envelope.fresh_until - time.time())
            # A bare integer has no envelope, so only Redis knows its expiry.
            left: int = yield from self.server.ask("TTL", self.name_of(key, version), expects=int)
        except Away:
            return 0
        return None if left < 0 else left

    # -- writing ------------------------------------------------------------------------------------------------------

    def store(
        self,
        name: str,
        payload: bytes | int,
        lifetime: float | None,
        *,
        stamps: tuple[bytes, ...],
        load_seconds: float = 0.0,
        grace: float = 0.0,
        only_if_absent: bool = False,
        label: str = "-",
    ) -> Steps[bool]:
        """Stores a payload; False if `only_if_absent` and the name exists. Raises Away.

        `grace`: seconds that the value stays in Redis after its lifetime. Bare integers have none.
        """
        fresh_until = FOREVER if lifetime is None else time.time() + lifetime
        data = pack(payload, fresh_until=fresh_until, load_seconds=load_seconds, stamps=stamps)
        words: list[Any] = ["SET", name, data]
        if lifetime is not None:
            seconds = lifetime + (0 if isinstance(data, int) else grace)
            words += ["PX", max(1, round(seconds * 1e3))]
        if only_if_absent:
            words.append("NX")
        return bool((yield from self.server.ask(*words, label=label)))

    def set(self, key: Any, value: Any, lifetime: float | None, version: int | None) -> Steps[bool]:
        """Returns False if the value was lost. The old value is then deleted when Redis is back."""
        if lifetime is not None and lifetime <= 0:
            yield from self.delete_many([key], version)
            return True
        name, payload = self.name_of(key, version), serialized(value)
        fills_in = name in self.unanswered
        self.unanswered.discard(name)
        try:
            stamps = yield from self.stamps_of(key)
            yield from self.store(name, payload, lifetime, stamps=stamps, label=label_of(str(key)))
        except Away:
            if not fills_in:
                yield from self.note_lost([name])
            return False
        return True

    def set_many(
        self, values: dict[Any, Any], lifetime: float | None, version: int | None
    ) -> Steps[list[Any]]:
        """Returns the keys whose values were lost."""
        lost = []
        for key, value in values.items():
            if not (yield from self.set(key, value, lifetime, version)):
                lost.append(key)
        return lost

    def add(self, key: Any, value: Any, lifetime: float | None, version: int | None) -> Steps[bool]:
        name, payload = self.name_of(key, version), serialized(value)
        try:
            if lifetime is not None and lifetime <= 0:
                return (yield from self._fresh(key, version)) is None
            stamps = yield from self.stamps_of(key)
            if (yield from self._store_if_absent(key, name, payload, lifetime, stamps)):
                return True
            if (yield from self._fresh(key, version)) is not None:
                return False
            yield from self.server.ask("UNLINK", name)  # there is one, but invalidated or expired
            return (yield from self._store_if_absent(key, name, payload, lifetime, stamps))
        except Away:
            return False

    def _store_if_absent(
        self, key: Any, name: str, payload: bytes | int, lifetime: float | None, stamps: tuple[bytes, ...]
    ) -> Steps[bool]:
        label = label_of(str(key))
        return (
            yield from self.store(name, payload, lifetime, stamps=stamps, only_if_absent=True, label=label)
        )

    def touch(self, key: Any, lifetime: float | None, version: int | None) -> Steps[bool]:
        name = self.name_of(key, version)
        try:
            envelope = yield from self._fresh(key, version)
            if envelope is None:
                return False
            if lifetime is not None and lifetime <= 0:
                return (yield from self.delete_many([key], version)) > 0
            if envelope.is_bare:  # a counter: writing it again would undo what others add meanwhile
                words = (
                    ("PERSIST", name)
                    if lifetime is None
                    else ("PEXPIRE", name, max(1, round(lifetime * 1e3)))
                )
                yield from self.server.ask(*words)
                return True
            payload, seconds = serialized(envelope.value), envelope.load_seconds
            return (
                yield from self.store(name, payload, lifetime, stamps=envelope.stamps, load_seconds=seconds)
            )
        except Away:
            return False

    def incr(self, key: Any, delta: int, version: int | None) -> Steps[int]:
        """Returns the new number; `delta` while Redis is away. Raises ValueError for a missing key, as Django does."""
        name, label = self.name_of(key, version), label_of(str(key))
        try:
            number = yield from self.server.ask("EVAL", ADD_TO_BARE, 1, name, delta, label=label)
            if isinstance(number, int):
                return number
            envelope = yield from self._fresh(key, version)
            if envelope is None:
                raise ValueError(f"Key '{key}' not found")
            return (yield from self._incr_loaded(name, envelope, delta))
        except Away:
            yield from self.note_lost([name])
            return delta

    def count_within(self, key: Any, lifetime: float, version: int | None) -> Steps[int | None]:
        """Adds one to a counter, which starts at 1 and expires `lifetime` seconds later. None: Redis did not count."""
        words = ("EVAL", COUNT_WITHIN, 1, self.name_of(key, version), max(1, round(lifetime * 1e3)))
        try:
            return int((yield from self.server.ask(*words, label=label_of(str(key)), expects=int)))
        except Away:
            return None

    def _incr_loaded(self, name: str, envelope: Envelope, delta: int) -> Steps[int]:
        """Adds to a number that was loaded, not set. Of two simultaneous ones one may be lost. Raises Away."""
        number = int(envelope.value + delta)
        lifetime = None if envelope.fresh_until == FOREVER else envelope.fresh_until - time.time()
        yield from self.store(name, dumps(number), lifetime, stamps=envelope.stamps)
        return number

    # -- invalidating -------------------------------------------------------------------------------------------------

    def delete_many(self, keys: Iterable[Any], version: int | None) -> Steps[int]:
        """Returns how many keys were deleted. Keys that could not be deleted are deleted when Redis is back."""
        names = [self.name_of(key, version) for key in keys]
        if not names:
            return 0
        try:
            return int((yield from self.server.ask("UNLINK", *names, expects=int)))
        except Away:
            yield from self.note_lost(names)
            return 0

    def invalidate_group(self, group: str) -> Steps[None]:
        stamp = self._stamps + in_utf8(group)
        try:
            yield from self.server.ask("SET", stamp, new_stamp(), "EX", STAMP_SECONDS)
        except Away:
            self.server.journal.note_stamp(stamp)

    def delete_pattern(self, pattern: str, name_pattern: str) -> Steps[int]:
        """Returns how many keys were deleted. `name_pattern` is the pattern of the names in Redis.

        If the pattern stands for a group, the group is invalidated first, in one write.
        """
        group = group_of_pattern(pattern)
        if group is not None and self.has_groups:
            yield from self.invalidate_group(group)
        deleted, cursor = 0, 0
        try:
            while True:
                cursor, names = yield from self.server.ask(
                    "SCAN", cursor, "MATCH", name_pattern, "COUNT", SCAN_COUNT, expects=tuple
                )
                for start in range(0, len(names), UNLINK_BATCH):
                    batch = names[start : start + UNLINK_BATCH]
                    deleted += yield from self.server.ask("UNLINK", *batch, expects=int)
                if not cursor:
                    return deleted
        except Away:
            return deleted

    def note_lost(self, names: Iterable[str]) -> Steps[None]:
        yield from self.server.note_lost(names, everything=self._stamps + EVERYTHING)
