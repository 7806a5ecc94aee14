"""Writes when a session was last seen, at most once in `TOUCH_SECONDS`."""

import datetime as dt
import time
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from tracking.conf import conf
from tracking.health import report_fault
from tracking.models import UserSession, database
from tracking.sessions.identity import SIGNED_COOKIES, expiry_of, key_hash, session_id_of, was_loaded
from tracking.sessions.memory import Known, memory
from tracking.storage.bounded import bounded


def has_to_be_touched(request: HttpRequest, token: str) -> bool:
    """Tell whether to write now that the session was seen. Only sessions that were loaded or are remembered count.

    A cookie alone proves nothing: otherwise a flood of invented cookies would be a flood of updates.
    """
    session: Any = getattr(request, "session", None)
    known = memory.here.of(_key_of(session, token))
    if known is None:
        return session_id_of(session) is not None
    written_at = known.prolonged_at if is_prolonged(session) else known.touched_at
    return time.monotonic() - written_at >= conf.TOUCH_SECONDS


def is_prolonged(session: Any) -> bool:
    """Tell whether Django saves the session, and with it a later expiry, at the end of this request."""
    return was_loaded(session) and bool(session.modified or settings.SESSION_SAVE_EVERY_REQUEST)


def note_seen(request: HttpRequest, token: str) -> None:
    """Write that the session was seen, if it is time; at once after a change of its key. Never raises."""
    if not has_to_be_touched(request, token):
        return
    session: Any = getattr(request, "session", None)
    key = _key_of(session, token)
    known = memory.here.of(key)
    session_id = str(session_id_of(session) or (known.session_id if known else ""))
    now, prolonged = time.monotonic(), is_prolonged(session)
    before = known.prolonged_at if known else float("-inf")
    # Remembered before the write, so that after a fault not every request tries again.
    memory.here.remember(key, Known(session_id, touched_at=now, prolonged_at=now if prolonged else before))
    try:
        touch(
            session_id,
            key_hash="" if settings.SESSION_ENGINE == SIGNED_COOKIES else key_hash(key),
            expires_at=expiry_of(session) if prolonged else None,
        )
    except Exception as error:
        report_fault("Noting that a session was seen", error)


def _key_of(session: Any, token: str) -> str:
    """Return the session key at the end of the request, which may differ from the one at its start."""
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        return str(session_id_of(session) or token)
    return str((session.session_key if was_loaded(session) else None) or token)


def touch(session_id: str, *, key_hash: str = "", expires_at: dt.datetime | None = None) -> None:
    """Write that an open session was seen, and under which key. Raises what the database raises.

    `expires_at` is the new expiry. It reopens a session that was recorded as expired but continues.
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
