"""`ResilientRedisCache`: django-redis' backend, made to survive stampedes, Redis and what is stored in it.

Every method keeps Django's contract whatever Redis does: an outage is a miss, a write that is passed over, an
invalidation that is made up for later; never an exception and never a wait worth mentioning. What the methods do stands
in `entries` and `loading`.
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
from cortex.cache.loading import GRACE_LIFETIMES, Wish
from cortex.cache.outages.outbox import open_outbox
from cortex.cache.redis.loops import client_of_loop
from cortex.cache.redis.server import Server
from cortex.cache.steps import Steps, T, take


class ResilientRedisCache(AsyncMethods, RedisCache[Any]):
    """Options besides django-redis': ALIAS (the alias' own name), GROUPS (default True), GRACE_LIFETIMES, and OUTBOX
    (default False; see `cortex.cache.outages.outbox`)."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        options = params.get("OPTIONS", {})
        self.alias = str(options.get("ALIAS", self.key_prefix))
        self.grace_lifetimes = float(options.get("GRACE_LIFETIMES", GRACE_LIFETIMES))
        self.urls = [server] if isinstance(server, str) else list(server)
        address = ",".join(url.rpartition("@")[2] for url in self.urls)  # without its password
        has_outbox = bool(options.get("OUTBOX", False))
        if has_outbox:
            open_outbox(address)
        self.entries = Entries(
            Server(self.alias, address, lambda: self.redis, has_outbox=has_outbox),
            self.name,
            has_groups=bool(options.get("GROUPS", True)),
        )

    @property
    def redis(self) -> Any:
        return self.client.get_client(write=True)

    async def async_redis(self) -> Any:
        url = self.urls[0]
        factory = self.client.connection_factory
        return await client_of_loop(f"{self.alias} {url}", lambda: factory.connect_async(url))

    def name(self, key: Any, version: int | None = None) -> str:
        """Of a key, in Redis."""
        return in_utf8(str(key) if isinstance(key, CacheKey) else self.make_key(key, version))

    def lifetime(self, timeout: Any) -> float | None:
        """In seconds; None for ever."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else float(timeout)

    def _do(self, steps: Steps[T]) -> T:
        return take(steps, self.redis)

    # -- reading ------------------------------------------------------------------------------------------------------

    def get(self, key: Any, default: Any = None, version: int | None = None, client: Any = None) -> Any:
        return self._do(self.entries.get(key, default, version))

    def get_many(self, keys: Iterable[Any], version: int | None = None, client: Any = None) -> dict[Any, Any]:
        return self._do(self.entries.get_many(list(keys), version))

    def has_key(self, key: Any, version: int | None = None, client: Any = None) -> bool:
        return self._do(self.entries.has(key, version))

    def __contains__(self, key: Any) -> bool:
        return self.has_key(key)

    def ttl(self, key: Any, version: int | None = None, client: Any = None) -> int | None:
        """Seconds that a value is still fresh; None for ever, 0 where there is none."""
        return self._do(self.entries.ttl(key, version))

    # -- writing ------------------------------------------------------------------------------------------------------

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, **options: Any
    ) -> bool:
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
        return self._do(self.entries.set_many(data, self.lifetime(timeout), version))

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, **_: Any
    ) -> bool:
        return self._do(self.entries.add(key, value, self.lifetime(timeout), version))

    def touch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None, client: Any = None
    ) -> bool:
        return self._do(self.entries.touch(key, self.lifetime(timeout), version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None, **options: Any) -> int:
        return self._do(self.entries.incr(key, delta, version))

    def decr(self, key: Any, delta: int = 1, version: int | None = None, **options: Any) -> int:
        return self.incr(key, -delta, version)

    def count_within(self, key: Any, timeout: float, version: int | None = None) -> int | None:
        """Add one to a counter that ends `timeout` seconds after its beginning, in one step. None: Redis did not."""
        return self._do(self.entries.count_within(key, timeout, version))

    # -- invalidating -------------------------------------------------------------------------------------------------

    def delete(self, key: Any, version: int | None = None, **options: Any) -> bool:
        return self.delete_many([key], version) > 0

    def delete_many(self, keys: Iterable[Any], version: int | None = None, **options: Any) -> int:
        return self._do(self.entries.delete_many(keys, version))

    def invalidate_group(self, name: str) -> None:
        """Make all values of a group (`users`, `users:42`; the empty name: of the alias) misses, by one write."""
        self._do(self.entries.invalidate_group(name))

    def delete_pattern(self, pattern: str, version: int | None = None, **options: Any) -> int:
        """Delete the keys of this alias that fit a glob; how many. A group is invalidated at once, before that."""
        in_redis = str(self.client.make_pattern(pattern, version=version))
        return self._do(self.entries.delete_pattern(pattern, in_redis))

    def clear(self) -> None:
        """Everything of this alias, and nothing else that lives in the same Redis."""
        self.delete_pattern("*")

    # -- loading ------------------------------------------------------------------------------------------------------

    def get_or_set(
        self, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        """The value, loaded once however many ask for it; see `cortex.cache.loading`."""
        return self._do(self.wish(key, default, timeout, version).come_true())

    def wish(self, key: Any, default: Any, timeout: Any, version: int | None) -> Wish:
        return Wish(self.entries, key, version, default, self.lifetime(timeout), self.grace_lifetimes)

    # -- what there is to know ----------------------------------------------------------------------------------------

    @property
    def is_away(self) -> bool:
        """Whether this process has found Redis away, and not yet back."""
        return self.entries.server.breaker.is_open

    def figures(self) -> list[stats.Figures]:
        """Of this alias, by group, as all processes have reported; none while Redis is away."""
        return self._do(self.entries.server.figures())

    def report_counts(self) -> None:
        """Add what this process has counted to these figures."""
        self._do(self.entries.server.report_counts())

    # -- requests -----------------------------------------------------------------------------------------------------

    def begin_request(self) -> None:
        self.entries.unanswered.clear()
        self.entries.server.was_read = False

    def close(self, **options: Any) -> None:
        """Django calls this at the end of each request; connections stay in their pool, and counts go to Redis."""
        if self.entries.server.has_outbox:
            self._do(self.entries.server.empty_outbox())
        if stats.statistics.is_due(self.alias):
            self.report_counts()


@receiver(request_started, dispatch_uid="cortex.cache")
def _begin_request(**_: Any) -> None:
    for cache in caches.all(initialized_only=True):
        if isinstance(cache, ResilientRedisCache):
            cache.begin_request()
