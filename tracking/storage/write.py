"""Writes events to the stream or the database, and to the spool if that fails. Never raises."""

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
from tracking.tenancy import ByTenant

# The values are invalid: a retry would fail again.
INVALID_EVENT_ERRORS = (DataError, ValueError, TypeError, OverflowError, ValidationError)
# After this long, the next writer looks at the spool again.
REPLAY_SECONDS = 5.0


class Pause:
    """A pause after a fault, in which nobody retries: otherwise every login would pay the time-out of a database in
    trouble. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.replaying = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """End the pause, and replay the spool with the next write."""
        self.until = self.replay_at = 0.0

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


database_pause = ByTenant(Pause)
stream_pause = Pause()


def write(events: Sequence[Event]) -> None:
    """Write events, and replay the spool if it is time. Never raises."""
    left = list(events)
    _spool_ends(left)
    if conf.WRITER == "stream":
        left = _stream(left)
    if left and _write_directly(left) and database_pause.here.is_time_to_replay() and not spool.is_empty():
        replay_spool()


def _spool_ends(events: list[Event]) -> None:
    """Append ends of sessions to a spool that may hold their starts. Ending a session twice does no harm."""
    ends = [event for event in events if isinstance(event, SessionEnd) and event.session_id is not None]
    if ends and not spool.is_empty():
        spool.add(ends)


def _stream(events: list[Event]) -> list[Event]:
    """Stream logins and activities, and return the events left to write: sessions, which others must see at once, or
    all events if the stream is away."""
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
        if database_pause.here.is_on:
            spool.add(event for rest in groups[number:] for event in rest)
            return False
        try:
            rows = store_or_refuse(group)
        except Exception as error:
            report_fault("Writing events", error)
            database_pause.here.begin()
            spool.add(event for rest in groups[number:] for event in rest)
            return False
        count("written", len(rows))
        announce(rows)
    return True


def store_or_refuse(group: Sequence[Event]) -> list[Any]:
    """Store a group, and set aside events whose values the database rejects. Raises errors that may be temporary."""
    try:
        return list(store(group))
    except INVALID_EVENT_ERRORS as error:
        if len(group) > 1:
            return [row for event in group for row in store_or_refuse([event])]
        report_fault("Writing an event", error)
        spool.refuse(event.as_json() for event in group)
        return []


def announce(rows: Sequence[object]) -> None:
    """Send the signals of new rows, and raise alerts for logins. Never raises."""
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
    """Write the spooled events, each once, and return how many there were. What fails stays spooled. Never raises."""
    replayed = 0
    if not database_pause.here.replaying.acquire(blocking=False):
        return 0
    try:
        for events in spool.take():
            for group in in_order(_not_yet_written(events)):
                announce(store_or_refuse(group))
            replayed += len(events)
    except Exception as error:
        report_fault("Replaying the spool", error)
        database_pause.here.begin()
    finally:
        database_pause.here.replaying.release()
    count("replayed", replayed)
    return replayed


def _not_yet_written(events: Sequence[Event]) -> list[Event]:
    """Leave out events that are in the database already: one may have been written before the fault was reported."""
    written = written_uuids(events)
    return [event for event in events if event.uuid not in written]
