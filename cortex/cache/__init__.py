"""Implements Django's cache API on Redis; each kind of data has an alias of `CACHES` on `ResilientRedisCache`.

See docs/cache.md. From the top:

    backend, asynchronous   Django's methods, for threads and for event loops
    loading                 get_or_set: loads a missing value once
    entries                 reads, writes and invalidates the entries of an alias
    steps                   lets both kinds of methods share one implementation; has a worked example
    redis                   connections, and the server that sends commands
    outages                 breaker, journal and outbox of each Redis
    envelope, serializer    the stored bytes
    groups, flight, statistics
"""

from cortex.cache.backend import ResilientRedisCache

__all__ = ["ResilientRedisCache"]
