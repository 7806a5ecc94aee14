"""What is written of an event: plain values, which travel through the database, the spool and the stream alike.

An event has its uuid from the moment it happened, so it may be written any number of times and is there once.
"""

import datetime as dt
import json
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar
from uuid import UUID, uuid4

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    uuid: UUID = field(default_factory=uuid4)
    timestamp: dt.datetime = field(default_factory=timezone.now)

    kind: ClassVar[str]

    def as_json(self) -> str:
        """One line, without line breaks of its own."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps({"kind": self.kind} | values, cls=DjangoJSONEncoder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Event):
    success: bool
    user_id: Any = None
    identifier: str = ""
    login_method: str = ""
    failure_reason: str = ""
    device_type: str = "other"
    browser: str = ""
    os: str = ""
    ip_address: str | None = None
    user_agent: str = ""
    session_id: UUID | None = None

    kind: ClassVar[str] = "login"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Event):
    action: str
    user_id: Any = None
    entity_type: str = ""
    entity_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    kind: ClassVar[str] = "activity"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStart(Event):
    """`uuid` is the session's id, `timestamp` its beginning."""

    user_id: Any
    key_hash: str | None
    expires_at: dt.datetime
    login_method: str = ""
    device_type: str = "other"
    browser: str = ""
    os: str = ""
    ip_address: str | None = None

    kind: ClassVar[str] = "session_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd(Event):
    """One session by its id, or all of a user's save `except_id`."""

    reason: str
    session_id: UUID | None = None
    user_id: Any = None
    except_id: UUID | None = None

    kind: ClassVar[str] = "session_end"


KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in (Login, Activity, SessionStart, SessionEnd)}
MOMENTS = ("timestamp", "expires_at")
IDS = ("uuid", "session_id", "except_id")


def event_from_json(line: str | bytes) -> Event:
    """Raises ValueError for what is no event of ours."""
    try:
        values = json.loads(line)
        cls = KINDS[values.pop("kind")]
        known = {f.name for f in fields(cls)}
        for name, value in values.items():
            if value is not None and name in MOMENTS:
                values[name] = dt.datetime.fromisoformat(value)
            elif value is not None and name in IDS:
                values[name] = UUID(value)
        return cls(**{name: value for name, value in values.items() if name in known})
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"This is no event: {error}") from None


def storable(text: str, characters: int) -> str:
    """Text that any database takes: no NUL, no half of a character, and not too long."""
    text = text[:characters].replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
