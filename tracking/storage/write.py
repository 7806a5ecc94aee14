"""Write events, whatever happens: to the stream or the database, and to the spool where that fails. Never raises."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError

from tracking.conf import conf
from tracking.events import Activity, Event, Login, SessionEnd
from tracking.health import count, report_fault
from tracking.models import LoginEvent, UserSession
from tracking.signals import login_recorded, session_started
from tracking.storage import spool, stream
from tracking.storage.alerts import raise_alerts
from tracking.storage.rows import in_order, store, written_uuids

# What is wrong with the values: no other try will go better.
NEVER_TAKEN = (DataError, ValueError, TypeError, OverflowError, ValidationError)
# The spool is looked at again after so long, by whoever writes next.
REPLAY_SECONDS = 5.0


class Pause:
    """After a fault, nobody tries again for a while: a database in trouble must not cost every login its time-out."""

    def __init__(self) -> None:
        self.until = 0.0
        self.replay_at = 0.0
        self.replaying = threading.Lock()

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def begin(self) -> None:
        self.until = time.monotonic() + conf.PAUSE_AFTER_FAULT_SECONDS
        self.replay_at = max(self.replay_at, self.until)

    def is_time_to_replay(self) -> bool:
        now = time.monotonic()
        if now < self.replay_at:
            return False
        self.replay_at = now + REPLAY_SECONDS
        return True


database_pause = Pause()
stream_pause = Pause()


def write(events: Sequence[Event]) -> None:
    left = list(events)
    _follow_beginnings(left)
    if conf.WRITER == "stream":
        left = _stream(left)
    if left and _write_directly(left) and database_pause.is_time_to_replay() and not spool.is_empty():
        replay_spool()


def _follow_beginnings(events: list[Event]) -> None:
    """Where the spool may hold a session's beginning, its end goes in behind it, too: to end it twice does no harm."""
    ends = [event for event in events if isinstance(event, SessionEnd) and event.session_id is not None]
    if ends and not spool.is_empty():
        spool.add(ends)


def _stream(events: list[Event]) -> list[Event]:
    """What is left to write: sessions, which others must see at once, and all of it where the stream is away."""
    streamed = [event for event in events if isinstance(event, Login | Activity)]
    if not streamed or stream_pause.is_on:
        return events
    try:
        stream.add(streamed)
    except Exception as error:
        report_fault("Writing to the stream", error)
        stream_pause.begin()
        return events
    count("streamed", len(streamed))
    return [event for event in events if event not in streamed]


def _write_directly(events: list[Event]) -> bool:
    groups = in_order(events)
    for number, group in enumerate(groups):
        if database_pause.is_on:
            spool.add(event for rest in groups[number:] for event in rest)
            return False
        try:
            rows = store_or_refuse(group)
        except Exception as error:
            report_fault("Writing events", error)
            database_pause.begin()
            spool.add(event for rest in groups[number:] for event in rest)
            return False
        count("written", len(rows))
        announce(rows)
    return True


def store_or_refuse(group: Sequence[Event]) -> list[Any]:
    """Store a group; of one that the database will never take, what it takes of it. Raises what may pass by itself."""
    try:
        return list(store(group))
    except NEVER_TAKEN as error:
        if len(group) > 1:
            return [row for event in group for row in store_or_refuse([event])]
        report_fault("Writing an event", error)
        spool.refuse(event.as_json() for event in group)
        return []


def announce(rows: Sequence[object]) -> None:
    """Tell the site of new rows, and look at logins for what an attack looks like."""
    for row in rows:
        if isinstance(row, LoginEvent):
            try:
                raise_alerts(row)
            except Exception as error:
                report_fault("Raising an alert", error)
            login_recorded.send_robust(sender=LoginEvent, event=row)
        elif isinstance(row, UserSession):
            session_started.send_robust(sender=UserSession, session=row)


def replay_spool() -> int:
    """Write what was spooled, each event once; how many there were. What fails again stays spooled. Never raises."""
    replayed = 0
    if not database_pause.replaying.acquire(blocking=False):
        return 0
    try:
        for events in spool.take():
            for group in in_order(_not_yet_written(events)):
                announce(store_or_refuse(group))
            replayed += len(events)
    except Exception as error:
        report_fault("Replaying the spool", error)
        database_pause.begin()
    finally:
        database_pause.replaying.release()
    count("replayed", replayed)
    return replayed


def _not_yet_written(events: Sequence[Event]) -> list[Event]:
    """An event may have been written before a fault hid that; its uuid tells."""
    written = written_uuids(events)
    return [event for event in events if event.uuid not in written]
