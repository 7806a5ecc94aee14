"""The cache service *is* Django's cache API: one alias of `CACHES` for each kind of data, on `ResilientRedisCache`.

See docs/cache.md. `backend` and `asynchronous` are Django's methods; what they do is written once, as `steps`, in
`entries` (what stands under a key) and `loading` (what to do where nothing does). `server` asks Redis. `envelope` is
what is stored, `groups` what is invalidated together, `breaker` makes a Redis that is away cost milliseconds, `flight`
one load of many callers' wishes, and `statistics` say what it is all worth.
"""

from cortex.cache.backend import ResilientRedisCache

__all__ = ["ResilientRedisCache"]
