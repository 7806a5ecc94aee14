"""Caches parts of reports as JSON values, and recomputes a cached value that cannot be read."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT

from analytics.conf import cache_alias
from tracking.tenancy import schema

T = TypeVar("T")

# Increase it when the shape of a cached value changes. A key begins with the name of its group, because caches count
# hits by it.
VERSION = 7
UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def cached(
    name: str, make: Callable[[], Any], read: Callable[[Any], T], lifetime: Any = DEFAULT_TIMEOUT
) -> T:
    """Return the value of a name from the cache, or make and cache it.

    `make` returns a JSON value, and `read` turns it into the result. A cached value that `read` rejects, for example of
    an older release, is made again. `lifetime` is in seconds. Raises what `make` raises.
    """
    cache: Any = caches[cache_alias()]
    group, _, rest = name.partition(":")
    # Tenants may share a cache.
    key = f"{group}:{VERSION}:{schema()}:{rest}"
    try:
        return read(cache.get_or_set(key, make, lifetime))
    except UNREADABLE:
        fresh = make()
        cache.set(key, fresh, lifetime)
        return read(fresh)
