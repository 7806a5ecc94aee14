"""Adds Django's asynchronous cache methods: the same steps as the others, executed by the event loop."""

from collections.abc import Iterable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from cortex.cache.entries import Entries
from cortex.cache.loading import Loading
from cortex.cache.steps import Steps, T, take_async


class AsyncMethods:
    """Needs `entries` and the three methods below from its subclass.

    Django's own `aclose` stays: it calls `close` in a thread.
    """

    entries: Entries

    async def async_redis(self) -> Any:
        raise NotImplementedError

    def lifetime(self, timeout: Any) -> float | None:
        raise NotImplementedError

    def loading(self, key: Any, default: Any, timeout: Any, version: int | None) -> Loading:
        raise NotImplementedError

    async def _take(self, steps: Steps[T]) -> T:
        return await take_async(steps, await self.async_redis())

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return await self._take(self.entries.get(key, default, version))

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        return await self._take(self.entries.get_many(list(keys), version))

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        return await self._take(self.entries.has(key, version))

    async def aset(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return await self._take(self.entries.set(key, value, self.lifetime(timeout), version))

    async def aset_many(
        self, data: dict[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        return await self._take(self.entries.set_many(data, self.lifetime(timeout), version))

    async def aadd(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return await self._take(self.entries.add(key, value, self.lifetime(timeout), version))

    async def atouch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return await self._take(self.entries.touch(key, self.lifetime(timeout), version))

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return await self._take(self.entries.incr(key, delta, version))

    async def adelete(self, key: Any, version: int | None = None) -> bool:
        return await self._take(self.entries.delete_many([key], version)) > 0

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> int:
        return await self._take(self.entries.delete_many(keys, version))

    async def ainvalidate_group(self, name: str) -> None:
        await self._take(self.entries.invalidate_group(name))

    async def aget_or_set(
        self, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        """Does what `get_or_set` does; the loader may be a coroutine function. It runs on the loop, so it must not
        block."""
        return await self._take(self.loading(key, default, timeout, version).run())
