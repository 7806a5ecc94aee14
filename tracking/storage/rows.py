"""Turns events into rows and writes them, with one statement per event or group of activities."""

import uuid
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from django.db import models

from tracking.events import Activity, Event, Login, SessionEnd, SessionStart
from tracking.models import ActivityLog, LoginEvent, UserSession, database
from tracking.storage.bounded import bounded
from tracking.storage.evidence import evidence_of


def in_order(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events in their order, in groups that one statement writes each."""
    grouped = [list(group) for _, group in groupby(events, key=type)]
    return [
        part
        for group in grouped
        for part in ([group] if isinstance(group[0], Activity) else [[e] for e in group])
    ]


def store(events: Sequence[Event]) -> list[models.Model]:
    """Write a group of `in_order`, and return the new rows. Raises what the database raises, with nothing written."""
    with bounded(database()):
        return write(events)


def write(events: Sequence[Event]) -> list[models.Model]:
    """Write a group of `in_order` like `store`, within the caller's bounds."""
    first = events[0]
    if isinstance(first, Login):
        return [_store_login(first)]
    if isinstance(first, Activity):
        return _store_activities(events)
    if isinstance(first, SessionStart):
        return [_store_session(first)]
    if isinstance(first, SessionEnd):
        _end_sessions(first)
    return []


def _store_login(event: Login) -> LoginEvent:
    row = login_row(event)
    row.evidence = evidence_of(event)  # an expression that the database evaluates
    insert([row], returning=("id", "evidence"))
    return row


def login_row(event: Login) -> LoginEvent:
    return LoginEvent(
        uuid=event.uuid,
        timestamp=event.timestamp,
        user_id=event.user_id,
        identifier=event.identifier,
        login_method=event.login_method,
        second_factor=event.second_factor,
        success=event.success,
        failure_reason=event.failure_reason,
        device_type=event.device_type,
        browser=event.browser,
        os=event.os,
        ip_address=event.ip_address,
        country=event.country,
        user_agent=event.user_agent,
        session_id=event.session_id,
    )


def activity_row(event: Activity) -> ActivityLog:
    return ActivityLog(
        uuid=event.uuid,
        timestamp=event.timestamp,
        user_id=event.user_id,
        action=event.action,
        entity_type=event.entity_type,
        entity_id=event.entity_id,
        metadata=event.metadata,
    )


def _store_activities(events: Sequence[Any]) -> list[models.Model]:
    rows: list[models.Model] = [activity_row(event) for event in events]
    insert(rows)
    return rows


def _store_session(event: SessionStart) -> UserSession:
    row = UserSession(
        id=event.uuid,
        user_id=event.user_id,
        key_hash=event.key_hash,
        login_method=event.login_method,
        started_at=event.timestamp,
        last_seen_at=event.timestamp,
        expires_at=event.expires_at,
        device_type=event.device_type,
        browser=event.browser,
        os=event.os,
        ip_address=event.ip_address,
    )
    insert([row])
    return row


def _end_sessions(event: SessionEnd) -> None:
    sessions = UserSession.objects.using(database())
    if event.session_id is not None:
        sessions.filter(pk=event.session_id).end(event.reason, at=event.timestamp)
        return
    others = sessions.filter(user=event.user_id, started_at__lte=event.timestamp)
    others.exclude(pk__in=[event.except_id] if event.except_id else []).end(event.reason, at=event.timestamp)


def insert(rows: Sequence[models.Model], *, returning: tuple[str, ...] = ()) -> None:
    """Insert rows with one INSERT in autocommit, and set the columns of `returning` on them.

    `bulk_create` would open a transaction, and `save` would return the id alone. So this calls the private
    `Manager._insert`; every login and activity goes through it, and tests/tracking/suite/suite_logins.py breaks first.
    """
    model = type(rows[0])
    manager: Any = model._base_manager
    concrete = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
    returned = [model._meta.get_field(name) for name in returning]
    results = manager._insert(rows, fields=concrete, returning_fields=returned or None, using=database())
    for row, values in zip(rows, results if returned else (), strict=bool(returned)):
        for name, value in zip(returning, values, strict=True):
            setattr(row, name, value)
    for row in rows:
        row._state.adding, row._state.db = False, database()


def written_uuids(events: Iterable[Event]) -> set[uuid.UUID]:
    """Return the uuids of those events that are in the database. Ends of sessions have no row."""
    written: set[uuid.UUID] = set()
    for cls, model, name in (
        (Login, LoginEvent, "uuid"),
        (Activity, ActivityLog, "uuid"),
        (SessionStart, UserSession, "id"),
    ):
        uuids = [event.uuid for event in events if isinstance(event, cls)]
        if uuids:
            rows: Any = model._base_manager.using(database()).filter(**{f"{name}__in": uuids})
            with bounded(database()):
                written |= set(rows.values_list(name, flat=True))
    return written
