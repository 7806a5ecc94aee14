"""From events to rows of the database, one statement each."""

import datetime as dt
import ipaddress
import uuid
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from django.db import connections, models, router
from django.db.models import Exists, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject
from django.utils import timezone

from tracking.conf import conf
from tracking.events import Activity, Event, Login, SessionEnd, SessionStart
from tracking.models import ActivityLog, LoginEvent, UserSession
from tracking.storage.bounded import bounded

# Counting stops here: under an attack there may be a million failures within the window.
MOST_COUNTED = 1_000


def database() -> str:
    return router.db_for_write(LoginEvent)


def in_order(events: Sequence[Event]) -> list[list[Event]]:
    """Events in groups, each of which is written by one statement."""
    grouped = [list(group) for _, group in groupby(events, key=type)]
    return [
        part
        for group in grouped
        for part in ([group] if isinstance(group[0], Activity) else [[e] for e in group])
    ]


def store(events: Sequence[Event]) -> list[models.Model]:
    """Write a group of `in_order`; the new rows. Raises what the database raises, and then none of it is there."""
    first = events[0]
    with bounded(database()):
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
    row.evidence = _evidence(event)  # an expression, worked out by the database
    insert([row], returning=("id", "evidence"))
    return row


def login_row(event: Login) -> LoginEvent:
    return LoginEvent(
        uuid=event.uuid,
        timestamp=event.timestamp,
        user_id=event.user_id,
        identifier=event.identifier,
        login_method=event.login_method,
        success=event.success,
        failure_reason=event.failure_reason,
        device_type=event.device_type,
        browser=event.browser,
        os=event.os,
        ip_address=event.ip_address,
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
    """One INSERT in autocommit, where `bulk_create` would open a transaction and `save` give back the id alone."""
    model = type(rows[0])
    manager: Any = model._base_manager
    concrete = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
    wanted = [model._meta.get_field(name) for name in returning]
    answers = manager._insert(rows, fields=concrete, returning_fields=wanted or None, using=database())
    for row, answer in zip(rows, answers if wanted else (), strict=bool(wanted)):
        for name, value in zip(returning, answer, strict=True):
            setattr(row, name, value)
    for row in rows:
        row._state.adding, row._state.db = False, database()


def _evidence(event: Login) -> JSONObject:
    """What is known just before the event: of a success, its device; of a failure, its network; of both, the account.

    account_failures   failures of the identifier within ALERT_WINDOW_MINUTES
    network_accounts   other identifiers that failed from the address's network (/24, /64) within the same time
    logged_in_before   whether the user logged in within ALERT_NEW_DEVICE_DAYS at all
    device_known       and whether with this device, browser and system
    """
    since = event.timestamp - dt.timedelta(minutes=conf.ALERT_WINDOW_MINUTES)
    evidence: dict[str, Any] = {"account_failures": _count_account_failures(event, since)}
    if not event.success:
        evidence["network_accounts"] = _count_network_accounts(event, since)
    elif event.user_id is not None:
        earlier = LoginEvent._base_manager.filter(
            user_id=event.user_id,
            success=True,
            timestamp__gt=event.timestamp - dt.timedelta(days=conf.ALERT_NEW_DEVICE_DAYS),
        )
        same = earlier.filter(device_type=event.device_type, browser=event.browser, os=event.os)
        evidence |= {"logged_in_before": Exists(earlier), "device_known": Exists(same)}
    return JSONObject(**evidence)


def _count_account_failures(event: Login, since: dt.datetime) -> Any:
    return RawSQL(
        "(SELECT count(*) FROM (SELECT 1 FROM login_events WHERE identifier = %s AND success = false "
        f"AND timestamp > %s AND timestamp <= %s LIMIT {MOST_COUNTED}) AS failures)",
        [event.identifier, _adapted(since), _adapted(event.timestamp)],
        output_field=models.IntegerField(),
    )


def _count_network_accounts(event: Login, since: dt.datetime) -> Any:
    if event.ip_address is None:
        return models.Value(0)
    where, parameters = _in_network(event.ip_address)
    return RawSQL(
        "(SELECT count(DISTINCT identifier) FROM (SELECT identifier FROM login_events WHERE success = false "
        f"AND {where} AND identifier <> %s AND timestamp > %s AND timestamp <= %s LIMIT {MOST_COUNTED}) AS failures)",
        [*parameters, event.identifier, _adapted(since), _adapted(event.timestamp)],
        output_field=models.IntegerField(),
    )


def _in_network(address: str) -> tuple[str, list[Any]]:
    """Addresses of a network, as a range that an index serves. Other databases keep texts, which have no such order."""
    if connections[database()].vendor != "postgresql":
        return "ip_address = %s", [address]
    network = network_of(address)
    return "ip_address BETWEEN %s::inet AND %s::inet", [str(network[0]), str(network[-1])]


def network_of(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    bits = 24 if ipaddress.ip_address(address).version == 4 else 64
    return ipaddress.ip_network((address, bits), strict=False)


def _adapted(moment: dt.datetime) -> Any:
    return connections[database()].ops.adapt_datetimefield_value(moment)


def written_uuids(events: Iterable[Event]) -> set[uuid.UUID]:
    """Of these events, those that are in the database."""
    found: set[uuid.UUID] = set()
    for cls, model, name in (
        (Login, LoginEvent, "uuid"),
        (Activity, ActivityLog, "uuid"),
        (SessionStart, UserSession, "id"),
    ):
        asked = [event.uuid for event in events if isinstance(event, cls)]
        if asked:
            rows: Any = model._base_manager.using(database()).filter(**{f"{name}__in": asked})
            with bounded(database()):
                found |= set(rows.values_list(name, flat=True))
    return found


def touch(session_id: str, *, key_hash: str = "", expires_at: dt.datetime | None = None) -> None:
    """Note that an open session was seen, and under which key. Raises what the database raises.

    `expires_at`: its new end. One that had passed for expired goes on, and must not do so unseen.
    """
    changes: dict[str, Any] = {"last_seen_at": timezone.now()}
    living = Q(ended_at=None)
    if expires_at is not None:
        changes |= {"expires_at": expires_at, "ended_at": None, "end_reason": ""}
        living |= Q(end_reason=UserSession.EndReason.EXPIRED)
    if key_hash:
        changes["key_hash"] = key_hash
    with bounded(database()):
        UserSession.objects.using(database()).filter(living, pk=session_id).update(**changes)
