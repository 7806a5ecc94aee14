"""What reports keep in the cache. What lies there may be of an older release, or anything: then it is made anew."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT

from analytics.conf import cache_alias

T = TypeVar("T")

# Changes with the shape of what is kept. The name of its group stands first, by which caches count.
VERSION = 1
ODD = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def kept(name: str, make: Callable[[], Any], read: Callable[[Any], T], lifetime: Any = DEFAULT_TIMEOUT) -> T:
    """`make` gives what JSON can hold, `read` makes something of it. Raises what `make` raises."""
    cache: Any = caches[cache_alias()]
    group, _, rest = name.partition(":")
    key = f"{group}:{VERSION}:{rest}"
    try:
        return read(cache.get_or_set(key, make, lifetime))
    except ODD:
        fresh = make()
        cache.set(key, fresh, lifetime)
        return read(fresh)
