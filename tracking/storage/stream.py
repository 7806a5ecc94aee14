"""Adds events to a Redis stream, from which `manage.py drain_events` moves them into the database.

Entries are acknowledged only after the commit, and events have a uuid. So each event is stored once, whichever process
is killed.
https://redis.io/docs/latest/develop/data-types/streams/
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from tracking.conf import conf
from tracking.events import Event
from tracking.tenancy import schema

FIELD = b"event"
# A login waits for Redis no longer than this.
TIMEOUT_SECONDS = 0.2


def add(events: Sequence[Event]) -> None:
    """Append events to the stream. Raises what the Redis client raises."""
    with client_of(conf.STREAM_URL, conf.STREAM_CACHE).pipeline(transaction=False) as pipeline:
        for event in events:
            pipeline.xadd(stream_key(), {FIELD: event.as_json()})
        pipeline.execute()


def stream_key() -> str:
    """Return the key of the stream: each tenant has its own."""
    tenant = schema()
    return f"{conf.STREAM_KEY}:{tenant}" if tenant else conf.STREAM_KEY


@cache
def client_of(url: str, cache_alias: str) -> Any:
    """Return the client of a URL; if it is empty, a client of the same server as a django-redis cache."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    if not url:
        from django.conf import settings

        location = settings.CACHES[cache_alias]["LOCATION"]
        url = location if isinstance(location, str) else location[0]
    return redis.Redis.from_url(url, **options)
