"""Imports events that other packages recorded, from their tables.

The packages need not be installed any more. The uuid of an event is derived from its table and key, so a second import
adds only new rows.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.utils import timezone

from tracking.capture.client import parse_address, truncated
from tracking.capture.login_method import password_method
from tracking.device import READ_CHARACTERS, parse_user_agent
from tracking.events import Activity, Login, storable
from tracking.hashes import hashed_name
from tracking.models import ActivityLog, LoginEvent, UserSession, database
from tracking.places import country_of
from tracking.sessions.identity import key_hash
from tracking.storage.rows import activity_row, login_row

# The namespace of uuids derived from (table, key); any fixed value would do.
NAMESPACE = uuid.UUID("5f0c7d3a-0d35-4c1e-9a53-1a0f3a7f0c11")
BATCH = 1_000

Row = dict[str, Any]
AnyRow = LoginEvent | ActivityLog | UserSession


@dataclass(frozen=True, slots=True)
class Table:
    """A table of another package: its name, its key, and a function from its row to ours (None: skip the row)."""

    name: str
    key: str
    convert: Callable[[Row, "Users"], AnyRow | None]


class Users:
    """Primary keys of users by the name they sign in with; each name is queried once."""

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}

    def load(self, names: set[str]) -> None:
        model: Any = get_user_model()
        unknown = names - self._keys.keys()
        users = model._default_manager.filter(**{f"{model.USERNAME_FIELD}__in": unknown})
        self._keys |= dict.fromkeys(unknown)
        self._keys |= {user.get_username(): user.pk for user in users}

    def of(self, name: str) -> Any:
        return self._keys.get(name)

    def identifier(self, name: str) -> str:
        if not name:
            return ""
        return storable(name, 254) if self.of(name) is not None else hashed_name(name)


def read(table: Table) -> Iterator[list[AnyRow]]:
    """Yield the table's rows as rows of ours, in batches by its key and never by OFFSET."""
    connection = connections[database()]
    quote = connection.ops.quote_name
    users, last = Users(), None
    while True:
        where = f"WHERE {quote(table.key)} > %s" if last is not None else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT * FROM {quote(table.name)} {where} ORDER BY {quote(table.key)} LIMIT {BATCH}",  # noqa: S608
                [last] if last is not None else [],
            )
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
        if not rows:
            return
        last = rows[-1][table.key]
        users.load({row["username"] for row in rows if row.get("username")})
        converted = (
            table.convert(row | {"_table": table.name, "_key": row[table.key]}, users) for row in rows
        )
        yield [row for row in converted if row is not None]


def is_there(table: Table) -> bool:
    connection = connections[database()]
    with connection.cursor() as cursor:
        return table.name in connection.introspection.table_names(cursor)


def write(rows: Sequence[AnyRow]) -> int:
    """Insert the rows that are not in the database yet, and return how many there were."""
    added = 0
    for model in (LoginEvent, ActivityLog, UserSession):
        own = [row for row in rows if isinstance(row, model)]
        if not own:
            continue
        name = "id" if model is UserSession else "uuid"
        manager: Any = model._base_manager.using(database())
        ids = [getattr(row, name) for row in own]
        written = set(manager.filter(**{f"{name}__in": ids}).values_list(name, flat=True))
        fresh = [row for row in own if getattr(row, name) not in written]
        manager.bulk_create(fresh, batch_size=BATCH)
        added += len(fresh)
    return added


# -- converting rows --------------------------------------------------------------------------------------------------


def _uuid(row: Row) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"{row['_table']}:{row['_key']}")


def _moment(value: Any) -> dt.datetime:
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return timezone.make_aware(moment, dt.UTC) if timezone.is_naive(moment) and settings.USE_TZ else moment


def _origin(row: Row, address: str) -> dict[str, Any]:
    text = storable(str(row.get("user_agent") or ""), READ_CHARACTERS)
    device = parse_user_agent(text)
    return {
        "device_type": device.device_type,
        "browser": device.browser,
        "os": device.os,
        "ip_address": truncated(parse_address(str(row.get(address) or ""))),
    }


def _login(row: Row, *, moment: str, address: str, **values: Any) -> LoginEvent:
    text = storable(str(row.get("user_agent") or ""), READ_CHARACTERS)
    event = Login(
        uuid=_uuid(row),
        timestamp=_moment(row[moment]),
        country=country_of(parse_address(str(row.get(address) or ""))),
        user_agent=text,
        **_origin(row, address),
        **values,
    )
    return login_row(event)


def _from_axes(row: Row, users: Users, *, success: bool) -> LoginEvent:
    name = row.get("username") or ""
    user_id = users.of(name)
    reason = (
        ""
        if success
        else "locked"
        if row.get("locked_out")
        else "bad_password"
        if user_id
        else "unknown_user"
    )
    return _login(
        row,
        moment="attempt_time",
        address="ip_address",
        success=success,
        user_id=user_id,
        identifier=users.identifier(name),
        failure_reason=reason,
        login_method=password_method(),
    )


EASYAUDIT_LOGIN, EASYAUDIT_FAILED = 0, 2


def _from_easyaudit_login(row: Row, users: Users) -> LoginEvent | None:
    if row["login_type"] not in (EASYAUDIT_LOGIN, EASYAUDIT_FAILED):
        return None  # a logout: we cannot tell which login it ended
    success = row["login_type"] == EASYAUDIT_LOGIN
    name = row.get("username") or ""
    user_id = row.get("user_id") or users.of(name)
    return _login(
        row,
        moment="datetime",
        address="remote_ip",
        success=success,
        user_id=user_id,
        identifier=storable(name, 254) if row.get("user_id") else users.identifier(name),
        failure_reason="" if success else "bad_password" if user_id else "unknown_user",
        login_method=password_method(),
    )


EASYAUDIT_ACTIONS = {1: "created", 2: "updated", 3: "deleted", 4: "m2m_changed", 5: "m2m_changed"}


def _from_easyaudit_change(row: Row, users: Users) -> ActivityLog:
    content_type = ContentType.objects.get_for_id(row["content_type_id"])
    event = Activity(
        uuid=_uuid(row),
        timestamp=_moment(row["datetime"]),
        action=EASYAUDIT_ACTIONS.get(row["event_type"], "changed"),
        user_id=row.get("user_id"),
        entity_type=f"{content_type.app_label}.{content_type.model}",
        entity_id=storable(str(row["object_id"]), 64),
        metadata={"object": storable(str(row.get("object_repr") or ""), 200)},
    )
    return activity_row(event)


def _from_user_sessions(row: Row, users: Users) -> UserSession | None:
    if row.get("user_id") is None:
        return None
    return UserSession(
        id=_uuid(row | {"_key": key_hash(row["session_key"])}),
        user_id=row["user_id"],
        key_hash=key_hash(row["session_key"]),
        started_at=_moment(row["last_activity"]),  # the package did not record the start
        last_seen_at=_moment(row["last_activity"]),
        expires_at=_moment(row["expire_date"]),
        **_origin(row, "ip"),
    )


def _from_login_history(moment: str) -> Callable[[Row, Users], LoginEvent | None]:
    def convert(row: Row, users: Users) -> LoginEvent | None:
        if row.get("is_login") is False or row.get("is_login") == 0:
            return None
        return _login(row, moment=moment, address="ip", success=True, user_id=row["user_id"])

    return convert


PREDECESSORS: dict[str, tuple[Table, ...]] = {
    "axes": (
        Table("axes_accesslog", "id", lambda row, users: _from_axes(row, users, success=True)),
        Table("axes_accessfailurelog", "id", lambda row, users: _from_axes(row, users, success=False)),
    ),
    "easyaudit": (
        Table("easyaudit_loginevent", "id", _from_easyaudit_login),
        Table("easyaudit_crudevent", "id", _from_easyaudit_change),
    ),
    "user_sessions": (Table("user_sessions_session", "session_key", _from_user_sessions),),
    # django-login-history, django-login-history2 and dj-user-login-history
    "login_history": (
        Table("django_login_history_login", "id", _from_login_history("date")),
        Table("django_login_history2_login", "id", _from_login_history("created_at")),
        Table("login_history_loginhistory", "id", _from_login_history("date_time")),
    ),
}


def tables_of(name: str) -> list[Table]:
    """Return the tables of another package that exist in the database."""
    return [table for table in PREDECESSORS[name] if is_there(table)]
