"""Provides `ResilientRedisCache`, django-redis' backend with protection against stampedes and outages.

Every method keeps Django's contract while Redis is away: a read is a miss, a write is skipped, an invalidation is
repeated later. No method raises because of Redis, and callers wait at most 0.15 seconds, until the breaker opens.
`entries` and `loading` implement the methods.
"""

from collections.abc import Iterable
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.signals import request_started
from django.dispatch import receiver
from django_redis.cache import RedisCache
from django_redis.util import CacheKey

from cortex.cache import statistics as stats
from cortex.cache.asynchronous import AsyncMethods
from cortex.cache.entries import Entries, in_utf8
from cortex.cache.loading import GRACE_LIFETIMES, Loading
from cortex.cache.redis.loops import client_of_loop
from cortex.cache.redis.server import Server
from cortex.cache.steps import Steps, T, take


class ResilientRedisCache(AsyncMethods, RedisCache[Any]):
    """A cache for `CACHES`. Timeouts are in seconds; None never expires.

    OPTIONS besides django-redis' own:

    * ALIAS: the alias' own name, for statistics, logs and pools (default: KEY_PREFIX)
    * GROUPS: whether values can be invalidated by group, which adds up to three names to each read (default True)
    * GRACE_LIFETIMES: for how many further lifetimes an expired value is kept (default 2)
    * OUTBOX: whether keys that could not be deleted are kept in the database (default False); see
      `cortex.cache.outages.outbox`
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        options = params.get("OPTIONS", {})
        self.alias = str(options.get("ALIAS", self.key_prefix))
        self.grace_lifetimes = float(options.get("GRACE_LIFETIMES", GRACE_LIFETIMES))
        self.urls = [server] if isinstance(server, str) else list(server)
        address = ",".join(url.rpartition("@")[2] for url in self.urls)  # without its password
        self.entries = Entries(
            Server(self.alias, address, lambda: self.redis, has_outbox=bool(options.get("OUTBOX", False))),
            self.name,
            has_groups=bool(options.get("GROUPS", True)),
        )

    @property
    def redis(self) -> Any:
        """redis-py's client for threads. It does not know the breaker."""
        return self.client.get_client(write=True)

    async def async_redis(self) -> Any:
        """Returns redis-py's client for the running event loop."""
        url = self.urls[0]
        factory = self.client.connection_factory
        return await client_of_loop(f"{self.alias} {url}", lambda: factory.connect_async(url))

    def name(self, key: Any, version: int | None = None) -> str:
        """Returns the name in Redis of a key."""
        return in_utf8(str(key) if isinstance(key, CacheKey) else self.make_key(key, version))

    def lifetime(self, timeout: Any) -> float | None:
        """Returns a timeout in seconds, the default resolved; None never expires."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else float(timeout)

    def _do(self, steps: Steps[T]) -> T:
        return take(steps, self.redis)

    # -- reading ------------------------------------------------------------------------------------------------------

    def get(self, key: Any, default: Any = None, version: int | None = None, client: Any = None) -> Any:
        """Returns the fresh value, or `default`: also while Redis is away, or if the value cannot be read."""
        return self._do(self.entries.get(key, default, version))

    def get_many(self, keys: Iterable[Any], version: int | None = None, client: Any = None) -> dict[Any, Any]:
        """Returns key → fresh value for the keys that have one, in one MGET; {} while Redis is away."""
        return self._do(self.entries.get_many(list(keys), version))

    def has_key(self, key: Any, version: int | None = None, client: Any = None) -> bool:
        """Whether there is a fresh value. Reads it, and counts as a read."""
        return self._do(self.entries.has(key, version))

    def __contains__(self, key: Any) -> bool:
        return self.has_key(key)

    def ttl(self, key: Any, version: int | None = None, client: Any = None) -> int | None:
        """Returns the seconds until a value expires: None for never, 0 if there is none or Redis is away."""
        return self._do(self.entries.ttl(key, version))

    # -- writing ------------------------------------------------------------------------------------------------------

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, **options: Any
    ) -> bool:
        """Stores a value. False: it was lost, and the old one is deleted when Redis is back.

        `nx=True` is `add`. Raises what `pickle` raises for a value that cannot be pickled.
        """
        if options.get("nx"):
            return self.add(key, value, timeout, version)
        return self._do(self.entries.set(key, value, self.lifetime(timeout), version))

    def set_many(
        self,
        data: dict[Any, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        client: Any = None,
    ) -> list[Any]:
        """Stores values one after the other. Returns the keys that were lost."""
        return self._do(self.entries.set_many(data, self.lifetime(timeout), version))

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, **_: Any
    ) -> bool:
        """Stores a value if there is no fresh one. False: there is one, or Redis is away."""
        return self._do(self.entries.add(key, value, self.lifetime(timeout), version))

    def touch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, client: Any = None
    ) -> bool:
        """Gives a fresh value a new lifetime. False: there is none, or Redis is away."""
        return self._do(self.entries.touch(key, self.lifetime(timeout), version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None, **options: Any) -> int:
        """Adds to a number and keeps its expiry. Returns the sum; `delta` while Redis is away.

        Raises ValueError if there is no value.
        """
        return self._do(self.entries.incr(key, delta, version))

    def decr(self, key: Any, delta: int = 1, version: int | None = None, **options: Any) -> int:
        return self.incr(key, -delta, version)

    def count_within(self, key: Any, timeout: float, version: int | None = None) -> int | None:
        """Adds one to a counter that expires `timeout` seconds after it was started, in one step.

        Returns the count; None if Redis could not count.
        """
        return self._do(self.entries.count_within(key, timeout, version))

    # -- invalidating -------------------------------------------------------------------------------------------------

    def delete(self, key: Any, version: int | None = None, **options: Any) -> bool:
        return self.delete_many([key], version) > 0

    def delete_many(self, keys: Iterable[Any], version: int | None = None, **options: Any) -> int:
        """Returns how many keys were deleted; 0 while Redis is away. Lost keys are deleted when it is back."""
        return self._do(self.entries.delete_many(keys, version))

    def invalidate_group(self, name: str) -> None:
        """Invalidates all values of a group (`users`, `users:42`; "" for the whole alias) with one write.

        Bare integers belong to no group. While Redis is away, the invalidation is repeated when it is back.
        """
        self._do(self.entries.invalidate_group(name))

    def delete_pattern(self, pattern: str, version: int | None = None, **options: Any) -> int:
        """Deletes the keys of this alias that match a glob, by SCAN and UNLINK. Returns how many.

        If the pattern stands for a group (`users:42:*`), the group is invalidated first.
        """
        in_redis = str(self.client.make_pattern(pattern, version=version))
        return self._do(self.entries.delete_pattern(pattern, in_redis))

    def clear(self) -> None:
        """Deletes the keys of this alias, and nothing else in the same Redis."""
        self.delete_pattern("*")

    # -- loading ------------------------------------------------------------------------------------------------------

    def get_or_set(
        self, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        """Returns the value; loads it once for all callers of all processes if it is missing or expires.

        `default` is the loader or the value itself. Raises what the loader raises, unless an expired value is still
        kept. See `cortex.cache.loading`.
        """
        return self._do(self.loading(key, default, timeout, version).run())

    def loading(self, key: Any, default: Any, timeout: Any, version: int | None) -> Loading:
        """Returns one call of `get_or_set`, not yet run."""
        return Loading(self.entries, key, version, default, self.lifetime(timeout), self.grace_lifetimes)

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def is_away(self) -> bool:
        """Whether this process's breaker is open: Redis was away when it last asked."""
        return self.entries.server.breaker.is_open

    def figures(self) -> list[stats.Figures]:
        """Returns the figures of this alias by group, summed over all processes; [] while Redis is away."""
        return self._do(self.entries.server.figures())

    def report_counts(self) -> None:
        """Adds this process's counts to these figures. Keeps them while Redis is away."""
        self._do(self.entries.server.report_counts())

    # -- requests -----------------------------------------------------------------------------------------------------

    def begin_request(self) -> None:
        """Forgets which names the last request could not read, and that it read."""
        self.entries.unanswered.clear()
        self.entries.server.was_read = False

    def close(self, **options: Any) -> None:
        """Ends a request; Django calls it. Reports counts that are due; connections stay in their pool.

        With OUTBOX, it also deletes keys that other processes noted: at most one query a minute, unless this process
        saw an outage in the last 30 seconds.
        """
        if self.entries.server.has_outbox:
            self._do(self.entries.server.empty_outbox())
        if stats.statistics.is_due(self.alias):
            self.report_counts()


@receiver(request_started, dispatch_uid="cortex.cache")
def _begin_request(**_: Any) -> None:
    for cache in caches.all(initialized_only=True):
        if isinstance(cache, ResilientRedisCache):
            cache.begin_request()
