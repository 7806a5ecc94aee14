"""`ResilientRedisCache`: django-redis' backend, made to survive stampedes, Redis and what is stored in it.

Every method keeps Django's contract whatever Redis does: an outage is a miss, a write that is passed over, an
invalidation that is made up for later; never an exception and never a wait worth mentioning.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django_redis.cache import RedisCache
from redis.exceptions import RedisError

from cortex.cache import statistics as stats
from cortex.cache.breaker import OUTAGES, Breaker, breaker_of
from cortex.cache.envelope import FOREVER, Envelope, pack, serialized, unpack
from cortex.cache.flight import single_flight
from cortex.cache.groups import (
    EVERYTHING,
    STAMP_SECONDS,
    group_of_pattern,
    groups_of,
    label_of,
    new_stamp,
    stamp_keys,
)
from cortex.cache.journal import Journal, journal_of
from cortex.cache.outage import outage_copy
from cortex.cache.serializer import NotReadable

logger = logging.getLogger("cortex.cache")

AWAY: Any = object()
MISSING: Any = object()
# A value outlives its freshness by this many lifetimes, to be served while a new one is loaded, or cannot be.
GRACE_LIFETIMES = 2
LONGEST_GRACE = 3_600.0
LOCK_MS = 10_000
# Who finds a cold key being loaded by another process looks again after so long, and gives up after so long.
FIRST_LOOK, LAST_LOOK, PATIENCE_SECONDS = 0.01, 0.08, 2.0
SCAN_COUNT, UNLINK_BATCH = 1_000, 500
# Only the lock that we took: after LOCK_MS it may be somebody else's.
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('unlink', KEYS[1]) end return 0"

Loader = Callable[[], Any]


class NonsenseAnswer(Exception):
    """An answer that is none to the question."""


class ResilientRedisCache(RedisCache[Any]):
    """Options besides django-redis': ALIAS (the alias' own name), GROUPS (default True), GRACE_LIFETIMES."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        options = params.get("OPTIONS", {})
        self.alias = str(options.get("ALIAS", self.key_prefix))
        self.has_groups = bool(options.get("GROUPS", True))
        self.grace_lifetimes = float(options.get("GRACE_LIFETIMES", GRACE_LIFETIMES))
        self._server_name = _without_password(server if isinstance(server, str) else ",".join(server))

    # -- asking Redis -------------------------------------------------------------------------------------------------

    @property
    def redis(self) -> Any:
        return self.client.get_client(write=True)

    @property
    def breaker(self) -> Breaker:
        return breaker_of(self._server_name)

    @property
    def journal(self) -> Journal:
        return journal_of(self._server_name)

    def _ask(self, operation: Callable[[Any], Any], *, label: str = "-") -> Any:
        """What Redis answers; AWAY where it cannot or will not."""
        if not self.breaker.lets_through(self._probe):
            stats.statistics.count(self.alias, label, stats.BYPASS)
            return AWAY
        try:
            return operation(self.redis)
        except OUTAGES as error:
            self.breaker.report(error)
        except RedisError as error:
            logger.error("Redis refuses (%s): %s", self.alias, (str(error).splitlines() or [""])[0][:200])
        except NonsenseAnswer as error:
            self.breaker.report(error)  # whatever answers there, it does not keep to the protocol
        stats.statistics.count(self.alias, label, stats.ERROR)
        return AWAY

    def _probe(self) -> None:
        redis = self.redis
        redis.ping()
        self.journal.replay(redis)

    def _name(self, key: Any, version: int | None) -> str:
        return str(self.client.make_key(key, version=version))

    def _stamp_names(self, key: str) -> list[str]:
        if not self.has_groups:
            return []
        return [self._name(name, 1) for name in stamp_keys(groups_of(key))]

    def _note_lost(self, names: Iterable[str]) -> None:
        everything = self._name(stamp_keys([EVERYTHING])[0], 1)
        for name in names:
            self.journal.note_key(name, everything=everything)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _read(self, keys: list[Any], version: int | None) -> dict[Any, Envelope] | Any:
        """What is valid of these keys, fresh or not, in one MGET together with the stamps; AWAY."""
        names = [self._name(key, version) for key in keys]
        stamps = {key: self._stamp_names(str(key)) for key in keys}
        distinct = list(dict.fromkeys(name for group in stamps.values() for name in group))
        answer = self._ask(lambda redis: _several(redis, [*names, *distinct]), label=label_of(str(keys[0])))
        if answer is AWAY:
            return AWAY
        present = dict(zip(distinct, answer[len(names) :], strict=True))
        found = {}
        for key, data in zip(keys, answer, strict=False):
            envelope = self._valid(data, [present[name] for name in stamps[key]])
            if envelope is not None:
                found[key] = envelope
        return found

    def _valid(self, data: bytes | None, stamps: list[bytes | None]) -> Envelope | None:
        if data is None:
            return None
        try:
            envelope = unpack(data)
        except NotReadable as error:
            logger.warning(
                "A value in Redis (%s) cannot be read, and counts as a miss: %s", self.alias, error
            )
            return None
        is_bare = type(envelope.value) is int and not envelope.stamps
        return envelope if is_bare or envelope.stamps == tuple(stamps) else None

    def _count_read(self, key: Any, envelope: Envelope | None, *, is_hit: bool) -> None:
        label = label_of(str(key))
        if envelope is None or not is_hit:
            stats.statistics.count(self.alias, label, stats.MISS)
            return
        what = stats.HIT if envelope.is_fresh() else stats.STALE_HIT
        stats.statistics.count(self.alias, label, what)
        stats.statistics.count(self.alias, label, stats.SAVED_MS, round(envelope.load_seconds * 1e3))

    def get(self, key: Any, default: Any = None, version: int | None = None, client: Any = None) -> Any:
        found = self._read([key], version)
        if found is AWAY:
            return default
        envelope = found.get(key)
        is_hit = envelope is not None and envelope.is_fresh()
        self._count_read(key, envelope, is_hit=is_hit)
        return envelope.value if envelope is not None and is_hit else default

    def get_many(self, keys: Iterable[Any], version: int | None = None, client: Any = None) -> dict[Any, Any]:
        wanted = list(keys)
        if not wanted:
            return {}
        found = self._read(wanted, version)
        if found is AWAY:
            return {}
        fresh = {key: envelope for key, envelope in found.items() if envelope.is_fresh()}
        for key in wanted:
            self._count_read(key, fresh.get(key), is_hit=key in fresh)
        return {key: envelope.value for key, envelope in fresh.items()}

    def has_key(self, key: Any, version: int | None = None, client: Any = None) -> bool:
        return self.get(key, MISSING, version) is not MISSING

    def __contains__(self, key: Any) -> bool:
        return self.has_key(key)

    def ttl(self, key: Any, version: int | None = None, client: Any = None) -> int | None:
        """Seconds that a value is still fresh; None for ever, 0 where there is none."""
        found = self._read([key], version)
        envelope = None if found is AWAY else found.get(key)
        if envelope is None or not envelope.is_fresh():
            return 0
        if envelope.fresh_until != FOREVER:
            return int(envelope.fresh_until - time.time())
        left = self._ask(
            lambda redis: _number(redis.ttl(self._name(key, version)))
        )  # an integer, which stands bare
        return None if left is AWAY or left < 0 else left

    # -- writing ------------------------------------------------------------------------------------------------------

    def _lifetime(self, timeout: Any) -> float | None:
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else float(timeout)

    def _stamps(self, redis: Any, key: str) -> tuple[bytes, ...]:
        """The stamps of a key's groups, made where there are none."""
        names = self._stamp_names(key)
        if not names:
            return ()
        stamps = _several(redis, names)
        for number, stamp in enumerate(stamps):
            if stamp is None:
                redis.set(names[number], new_stamp(), nx=True, ex=STAMP_SECONDS)
        return tuple(_several(redis, names)) if None in stamps else tuple(stamps)

    def _store(
        self,
        redis: Any,
        key: Any,
        payload: bytes | int,
        lifetime: float | None,
        *,
        version: int | None,
        stamps: tuple[bytes, ...] | None = None,
        load_seconds: float = 0.0,
        grace: float = 0.0,
        only_if_absent: bool = False,
    ) -> bool:
        fresh_until = FOREVER if lifetime is None else time.time() + lifetime
        stamps = self._stamps(redis, str(key)) if stamps is None else stamps
        data = pack(payload, fresh_until=fresh_until, load_seconds=load_seconds, stamps=stamps)
        kept = None if lifetime is None else lifetime + (0 if isinstance(data, int) else grace)
        milliseconds = None if kept is None else max(1, round(kept * 1e3))
        return bool(redis.set(self._name(key, version), data, px=milliseconds, nx=only_if_absent))

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, **options: Any
    ) -> bool:
        if options.get("nx"):
            return self.add(key, value, timeout, version)
        lifetime = self._lifetime(timeout)
        if lifetime is not None and lifetime <= 0:
            self.delete(key, version)
            return True
        payload = serialized(value)
        stored = self._ask(
            lambda redis: self._store(redis, key, payload, lifetime, version=version),
            label=label_of(str(key)),
        )
        if stored is AWAY:
            self._note_lost([self._name(key, version)])
        return stored is not AWAY

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, **_: Any
    ) -> bool:
        lifetime = self._lifetime(timeout)
        if lifetime is not None and lifetime <= 0:
            return not self.has_key(key, version)

        payload = serialized(value)

        def store(redis: Any) -> bool:
            if self._store(redis, key, payload, lifetime, version=version, only_if_absent=True):
                return True
            if key in self._read([key], version):
                return False
            redis.unlink(self._name(key, version))  # of a group that has been invalidated
            return self._store(redis, key, payload, lifetime, version=version, only_if_absent=True)

        return self._ask(store, label=label_of(str(key))) is True

    def set_many(
        self,
        data: dict[Any, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        client: Any = None,
    ) -> list[Any]:
        return [key for key, value in data.items() if not self.set(key, value, timeout, version)]

    def touch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, client: Any = None
    ) -> bool:
        found = self._read([key], version)
        envelope = None if found is AWAY else found.get(key)
        if envelope is None or not envelope.is_fresh():
            return False
        lifetime = self._lifetime(timeout)
        if lifetime is not None and lifetime <= 0:
            return self.delete(key, version)
        payload = serialized(envelope.value)
        stored = self._ask(
            lambda redis: self._store(
                redis, key, payload, lifetime, version=version, stamps=envelope.stamps,
                load_seconds=envelope.load_seconds,
            )
        )  # fmt: skip
        return stored is True

    def incr(self, key: Any, delta: int = 1, version: int | None = None, **options: Any) -> int:
        """Raises ValueError for a key that is not there, as Django does. While Redis is away each is the first."""
        name = self._name(key, version)

        def count(redis: Any) -> int | None:
            return _number(redis.incrby(name, delta)) if redis.exists(name) else None

        answer = self._ask(count, label=label_of(str(key)))
        if answer is AWAY:
            self._note_lost([name])
            return delta
        if answer is None:
            raise ValueError(f"Key '{key}' not found")
        return int(answer)

    def decr(self, key: Any, delta: int = 1, version: int | None = None, **options: Any) -> int:
        return self.incr(key, -delta, version)

    # -- invalidating -------------------------------------------------------------------------------------------------

    def delete(self, key: Any, version: int | None = None, **options: Any) -> bool:
        return self.delete_many([key], version) > 0

    def delete_many(self, keys: Iterable[Any], version: int | None = None, **options: Any) -> int:
        names = [self._name(key, version) for key in keys]
        if not names:
            return 0
        deleted = self._ask(lambda redis: _number(redis.unlink(*names)))
        if deleted is AWAY:
            self._note_lost(names)
            return 0
        return deleted

    def invalidate_group(self, name: str) -> None:
        """Make all values of a group (`users`, `users:42`; the empty name: of the alias) misses, by one write."""
        stamp = self._name(stamp_keys([name])[0], 1)
        if self._ask(lambda redis: redis.set(stamp, new_stamp(), ex=STAMP_SECONDS)) is AWAY:
            self.journal.note_stamp(stamp)

    def delete_pattern(self, pattern: str, version: int | None = None, **options: Any) -> int:
        """Delete the keys of this alias that fit a glob; how many. A group is invalidated at once, before that."""
        group = group_of_pattern(pattern)
        if group is not None and self.has_groups:
            self.invalidate_group(group)
        found = str(self.client.make_pattern(pattern, version=version))
        deleted = self._ask(
            lambda redis: sum(_number(redis.unlink(*names)) for names in _scanned(redis, found))
        )
        return 0 if deleted is AWAY else int(deleted)

    def clear(self) -> None:
        """Everything of this alias, and nothing else that lives in the same Redis."""
        self.delete_pattern("*")

    # -- loading ------------------------------------------------------------------------------------------------------

    def get_or_set(
        self, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        """The value, loaded once however many ask for it.

        A value that is nearly over, or over, is loaded anew by one caller while the others are served what there was;
        where loading fails, what there was is served for as long as it is kept. While Redis is away, a process keeps
        what it loaded for a moment, so that the outage is not handed on to the database.
        """
        load: Loader = default if callable(default) else lambda: default
        found = self._read([key], version)
        if found is AWAY:
            return outage_copy(self._name(key, version), load)
        envelope = found.get(key)
        if envelope is None:
            self._count_read(key, None, is_hit=False)
            return self._load_cold(key, load, timeout, version)
        if envelope.fresh_until != FOREVER and envelope.is_due():
            return self._load_early(key, load, timeout, version, envelope)
        self._count_read(key, envelope, is_hit=True)
        return envelope.value

    def _load_early(self, key: Any, load: Loader, timeout: Any, version: int | None, old: Envelope) -> Any:
        token = self._lock(key, version)
        if not token:
            self._count_read(key, old, is_hit=True)
            return old.value
        try:
            value = self._load_and_store(key, load, timeout, version)
        except Exception as error:
            if time.time() >= old.fresh_until + self._grace(self._lifetime(timeout)):
                raise
            logger.warning(
                "Loading %s anew failed (%s); what there was is served.", key, type(error).__name__
            )
            self._count_read(key, old, is_hit=True)
            return old.value
        finally:
            self._unlock(key, version, token)
        self._count_read(key, None, is_hit=False)
        return value

    def _load_cold(self, key: Any, load: Loader, timeout: Any, version: int | None) -> Any:
        value, was_loaded = single_flight(
            self._name(key, version), lambda: self._load_among_processes(key, load, timeout, version)
        )
        if not was_loaded:
            stats.statistics.count(self.alias, label_of(str(key)), stats.COALESCED)
        return value

    def _load_among_processes(self, key: Any, load: Loader, timeout: Any, version: int | None) -> Any:
        """Load it, unless another process is about to: then wait a while for what that one stores."""
        deadline, look = time.monotonic() + PATIENCE_SECONDS, FIRST_LOOK
        while not (token := self._lock(key, version)):
            time.sleep(look)
            look = min(look * 2, LAST_LOOK)
            found = self._read([key], version)
            if found is AWAY or time.monotonic() > deadline:
                break
            if key in found:
                stats.statistics.count(self.alias, label_of(str(key)), stats.COALESCED)
                return found[key].value
        try:
            return self._load_and_store(key, load, timeout, version)
        finally:
            self._unlock(key, version, token)

    def _load_and_store(self, key: Any, load: Loader, timeout: Any, version: int | None) -> Any:
        """Stamps are taken before the loader runs: what is invalidated meanwhile is invalid as soon as it is stored."""
        label, lifetime = label_of(str(key)), self._lifetime(timeout)
        stamps = self._ask(lambda redis: self._stamps(redis, str(key)), label=label)
        began = time.perf_counter()
        value = load()
        seconds = time.perf_counter() - began
        stats.statistics.count(self.alias, label, stats.LOAD)
        stats.statistics.count(self.alias, label, stats.LOAD_MS, round(seconds * 1e3))
        if stamps is not AWAY and (lifetime is None or lifetime > 0):
            grace, payload = self._grace(lifetime), serialized(value)
            stored = self._ask(
                lambda redis: self._store(
                    redis,
                    key,
                    payload,
                    lifetime,
                    version=version,
                    stamps=stamps,
                    load_seconds=seconds,
                    grace=grace,
                ),
                label=label,
            )
            if stored is AWAY:
                self._note_lost([self._name(key, version)])
        return value

    def _grace(self, lifetime: float | None) -> float:
        return 0.0 if lifetime is None else min(lifetime * self.grace_lifetimes, LONGEST_GRACE)

    def _lock(self, key: Any, version: int | None) -> str:
        """A token if this caller is to load, else nothing. While Redis is away all are; flights see to the rest."""
        token = uuid.uuid4().hex
        taken = self._ask(lambda redis: redis.set(self._lock_name(key, version), token, nx=True, px=LOCK_MS))
        return token if taken is AWAY or taken else ""

    def _unlock(self, key: Any, version: int | None, token: str) -> None:
        if token:
            self._ask(lambda redis: redis.eval(UNLOCK, 1, self._lock_name(key, version), token))

    def _lock_name(self, key: Any, version: int | None) -> str:
        return f"{self._name(key, version)}:lock"

    # -- the end of a request -----------------------------------------------------------------------------------------

    def close(self, **options: Any) -> None:
        """Django calls this at the end of each request; connections stay in their pool, and counts go to Redis."""
        if stats.statistics.is_due():
            self._ask(stats.statistics.flush)


def _several(redis: Any, names: list[str]) -> list[Any]:
    answer = redis.mget(names)
    if not isinstance(answer, list) or len(answer) != len(names):
        raise NonsenseAnswer("MGET answered with something else")
    return answer


def _number(answer: Any) -> int:
    if not isinstance(answer, int):
        raise NonsenseAnswer("a number was expected")
    return answer


def _scanned(redis: Any, pattern: str) -> Iterable[list[bytes]]:
    names: list[bytes] = []
    for name in redis.scan_iter(match=pattern, count=SCAN_COUNT):
        names.append(name)
        if len(names) >= UNLINK_BATCH:
            yield names
            names = []
    if names:
        yield names


def _without_password(server: str) -> str:
    return server.rpartition("@")[2]
