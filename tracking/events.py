"""Events as plain values that travel through the database, the spool and the stream.

An event gets its uuid when it happens, so writing is idempotent: however often it is written, it is stored once.
"""

import datetime as dt
import json
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar
from uuid import UUID, uuid4

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

# The reason of a login with correct credentials that the site answered with an error. Nobody attacks anybody by it.
ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    uuid: UUID = field(default_factory=uuid4)
    timestamp: dt.datetime = field(default_factory=timezone.now)

    kind: ClassVar[str]

    def as_json(self) -> str:
        """Return the event as one line of JSON, without line breaks."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps({"kind": self.kind} | values, cls=DjangoJSONEncoder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Event):
    success: bool
    user_id: Any = None
    identifier: str = ""
    login_method: str = ""
    second_factor: str = ""
    failure_reason: str = ""
    device_type: str = "other"
    browser: str = ""
    os: str = ""
    ip_address: str | None = None
    country: str = ""
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
    """The start of a session. `uuid` is the session's id, `timestamp` the time of its start."""

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
    """The end of one session (`session_id`), or of all sessions of a user except `except_id`."""

    reason: str
    session_id: UUID | None = None
    user_id: Any = None
    except_id: UUID | None = None

    kind: ClassVar[str] = "session_end"


KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in (Login, Activity, SessionStart, SessionEnd)}
MOMENTS = ("timestamp", "expires_at")
IDS = ("uuid", "session_id", "except_id")


def event_from_json(line: str | bytes) -> Event:
    """Parse an event. Raises ValueError for a line that is not an event."""
    try:
        values = json.loads(line)
        cls = KINDS[values.pop("kind")]
        field_names = {f.name for f in fields(cls)}
        for name, value in values.items():
            if value is not None and name in MOMENTS:
                values[name] = dt.datetime.fromisoformat(value)
            elif value is not None and name in IDS:
                values[name] = UUID(value)
        return cls(**{name: value for name, value in values.items() if name in field_names})
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"Not an event: {error}") from None


def storable(text: str, characters: int) -> str:
    """Return the text as every database accepts it: without NUL or lone surrogates, and at most `characters` long."""
    text = text[:characters].replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
