"""Moves events from the Redis stream into the database; any number of consumers may run."""

import os
import socket
from collections.abc import Sequence
from typing import Any

from tracking.conf import conf
from tracking.events import Event, event_from_json
from tracking.health import count, report_fault
from tracking.storage import spool
from tracking.storage.drain import drain
from tracking.storage.rows import written_uuids
from tracking.storage.stream import FIELD, client_of, stream_key
from tracking.storage.write import INVALID_EVENT_ERRORS, announce, store_or_refuse

GROUP = "tracking"
BATCH = 5_000
# If a consumer has not acknowledged an entry for this long, it has died, and another one takes the entry over.
ABANDONED_MS = 60_000


class Consumer:
    """A consumer of the stream. Creates the consumer group if it is missing. Raises what the Redis client raises."""

    def __init__(self) -> None:
        self.redis: Any = client_of(conf.STREAM_URL, conf.STREAM_CACHE)
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._make_group()

    def drain_batch(self, *, block_ms: int | None) -> int:
        """Move a batch into the database, and return how many entries it had.

        Waits up to `block_ms` for the first entry; None does not wait. Raises what Redis and the database raise.
        """
        entries = self._abandoned() or self._new(block_ms)
        if not entries:
            return 0
        events = [event for _, values in entries if (event := _event(values)) is not None]
        rows = _drained(events)
        ids = [entry_id for entry_id, _ in entries]
        with self.redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(stream_key(), GROUP, *ids)
            pipeline.xdel(stream_key(), *ids)
            pipeline.execute()
        announce(rows)
        count("written", len(events))
        return len(entries)

    def waiting(self) -> int:
        return int(self.redis.xlen(stream_key()))

    def _new(self, block_ms: int | None) -> list[Any]:
        reply = self.redis.xreadgroup(GROUP, self.name, {stream_key(): ">"}, count=BATCH, block=block_ms)
        return _entries(reply)

    def _abandoned(self) -> list[Any]:
        reply = self.redis.xautoclaim(
            stream_key(), GROUP, self.name, ABANDONED_MS, start_id="0-0", count=BATCH
        )
        return [entry for entry in reply[1] if entry[1]]

    def _make_group(self) -> None:
        from redis.exceptions import ResponseError

        try:
            self.redis.xgroup_create(stream_key(), GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def _drained(events: Sequence[Event]) -> list[Any]:
    """Write a batch as a whole, or event by event if the database rejects the values of one."""
    try:
        return drain(events)
    except INVALID_EVENT_ERRORS:
        written = written_uuids(events)
        return [row for event in events if event.uuid not in written for row in store_or_refuse([event])]


def _entries(reply: Any) -> list[Any]:
    """Return the entries of the stream from a reply: a dict in RESP 3, a list of pairs in RESP 2."""
    if not reply:
        return []
    entries: Any = next(iter(reply.values())) if isinstance(reply, dict) else reply[0][1]
    is_nested = (
        entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], list | tuple)
    )
    return list(entries[0] if is_nested else entries)


def _event(values: Any) -> Event | None:
    line = values.get(FIELD) or values.get(FIELD.decode())
    try:
        return event_from_json(line or b"")
    except ValueError as error:
        report_fault("Reading an event of the stream", error)
        spool.refuse([(line or b"").decode("utf-8", "replace").replace("\n", " ")])
        return None
