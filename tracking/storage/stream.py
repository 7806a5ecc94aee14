"""The stream writer: events go onto a Redis stream, and `manage.py drain_events` moves them into the database.

Events are acknowledged only once they are committed, and have a uuid; so whatever is killed, each is there once.
https://redis.io/docs/latest/develop/data-types/streams/
"""

import os
import socket
from collections.abc import Sequence
from functools import cache
from typing import Any

from tracking.conf import conf
from tracking.events import Event, event_from_json
from tracking.health import count, report_fault
from tracking.storage import spool
from tracking.storage.drain import drain
from tracking.storage.rows import written_uuids

GROUP = "tracking"
FIELD = b"event"
BATCH = 5_000
# A login may wait for Redis no longer than this.
TIMEOUT_SECONDS = 0.2
# What another consumer has not acknowledged for so long, its consumer died with.
ABANDONED_MS = 60_000


def add(events: Sequence[Event]) -> None:
    """Raises what the Redis client raises."""
    with _client(conf.STREAM_URL, conf.STREAM_CACHE).pipeline(transaction=False) as pipeline:
        for event in events:
            pipeline.xadd(conf.STREAM_KEY, {FIELD: event.as_json()})
        pipeline.execute()


class Consumer:
    """One of any number of processes that drain the stream."""

    def __init__(self) -> None:
        self.redis: Any = _client(conf.STREAM_URL, conf.STREAM_CACHE)
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._make_group()

    def drain_batch(self, *, block_ms: int | None) -> int:
        """Move a batch into the database; how many events it had. Waits for one up to `block_ms`; None: not at all."""
        entries = self._abandoned() or self._new(block_ms)
        if not entries:
            return 0
        events = [event for _, values in entries if (event := _event(values)) is not None]
        from tracking.storage.write import announce

        rows = _drained(events)
        ids = [entry_id for entry_id, _ in entries]
        with self.redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(conf.STREAM_KEY, GROUP, *ids)
            pipeline.xdel(conf.STREAM_KEY, *ids)
            pipeline.execute()
        announce(rows)
        count("written", len(events))
        return len(entries)

    def waiting(self) -> int:
        return int(self.redis.xlen(conf.STREAM_KEY))

    def _new(self, block_ms: int | None) -> list[Any]:
        answer = self.redis.xreadgroup(GROUP, self.name, {conf.STREAM_KEY: ">"}, count=BATCH, block=block_ms)
        return _entries(answer)

    def _abandoned(self) -> list[Any]:
        answer = self.redis.xautoclaim(
            conf.STREAM_KEY, GROUP, self.name, ABANDONED_MS, start_id="0-0", count=BATCH
        )
        return [entry for entry in answer[1] if entry[1]]

    def _make_group(self) -> None:
        from redis.exceptions import ResponseError

        try:
            self.redis.xgroup_create(conf.STREAM_KEY, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def _drained(events: Sequence[Event]) -> list[Any]:
    """A batch as a whole, or event by event where one of them is what no database takes."""
    from tracking.storage.write import NEVER_TAKEN, store_or_refuse

    try:
        return drain(events)
    except NEVER_TAKEN:
        written = written_uuids(events)
        return [row for event in events if event.uuid not in written for row in store_or_refuse([event])]


def _entries(answer: Any) -> list[Any]:
    """The entries of our one stream: a dict in RESP 3, a list of pairs in RESP 2."""
    if not answer:
        return []
    found: Any = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    return list(
        found[0]
        if found and isinstance(found[0], list) and found[0] and isinstance(found[0][0], list | tuple)
        else found
    )


def _event(values: Any) -> Event | None:
    line = values.get(FIELD) or values.get(FIELD.decode())
    try:
        return event_from_json(line or b"")
    except ValueError as error:
        report_fault("Reading an event of the stream", error)
        spool.refuse([(line or b"").decode("utf-8", "replace").replace("\n", " ")])
        return None


@cache
def _client(url: str, cache_alias: str) -> Any:
    """A client of its own where a URL is given; else one to the same server as a django-redis cache."""
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
