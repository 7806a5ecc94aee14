"""Tells who acted as whom, and keeps the record of the other user clean.

A package that lets an administrator act as a user calls Django's `login()`, so it looks like a login of that user. At
the end of the request the login and its session are taken back. The browser's session remains one of the administrator,
under a new key; its row tells who is acted as.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.utils import timezone

from tracking.capture.noted import ACTOR, Noted, Notes, Switch
from tracking.events import Login, SessionStart
from tracking.hashes import keyed_hashes
from tracking.models import UserSession, database
from tracking.sessions.identity import SESSION_ID, SIGNED_COOKIES, key_hash, peek
from tracking.sessions.memory import memory
from tracking.storage.bounded import bounded


def mark(session: Any, switch: Switch) -> None:
    """Mark the session, so that activities in the same request know the actor."""
    if session is None:
        return
    if switch.still is None:
        session.pop(ACTOR, None)
    else:
        session[ACTOR] = str(switch.still)


def settle(notes: Notes, switches: Sequence[Switch], *, is_saved: bool) -> None:
    """Take back the logins that were none, and go on with the session that the request came with.

    Where the session is not saved, after an error, nobody acts as anybody: then only the logins are taken back.
    """
    for switch in switches:
        _take_back_login(notes, switch.entered)
    session: Any = getattr(notes.request, "session", None)
    user_id = peek(session, SESSION_KEY)
    # A transaction that was rolled back may have taken the switch with it.
    if not is_saved or user_id not in (None, _text(switches[-1].entered)):
        return
    notes.noted += [Noted(switch.activity, None) for switch in switches]
    if user_id is not None:
        _keep_session(notes, session, switches[-1])


def _take_back_login(notes: Notes, user_id: Any) -> None:
    """Forget the login of the user that this request has noted, with the session that it began."""
    text = _text(user_id)
    notes.noted[:] = [
        noted
        for noted in notes.noted
        if not _is_login(noted.event) or _text(noted.event.user_id) != text  # type: ignore[attr-defined]
    ]


def _is_login(event: Any) -> bool:
    return isinstance(event, SessionStart) or (isinstance(event, Login) and event.success)


def _text(user_id: Any) -> str:
    return str(user_id)


def _keep_session(notes: Notes, session: Any, last: Switch) -> None:
    session_id = _session_before(notes)
    by_key = settings.SESSION_ENGINE != SIGNED_COOKIES
    if by_key and not session.session_key:
        session.save()  # otherwise Django would create the key only after the row of the session was written
    memory.here.discard(session.session_key)
    if session_id is None:
        session.pop(SESSION_ID, None)
        return
    session[SESSION_ID] = str(session_id)
    changes: dict[str, Any] = {
        "last_seen_at": timezone.now(),
        "acting_as_id": last.user_id if last.still is not None else None,
    }
    if by_key:
        changes["key_hash"] = key_hash(session.session_key)
    with bounded(database()):
        UserSession.objects.using(database()).filter(pk=session_id, ended_at=None).update(**changes)


def _session_before(notes: Notes) -> uuid.UUID | None:
    """Return the id of the request's session as it came: `login()` has emptied it. One query, for a rare event."""
    if not notes.token:
        return None
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        return uuid.UUID(notes.token)
    if (known := memory.here.of(notes.token)) is not None:
        return uuid.UUID(known.session_id)
    hashes = keyed_hashes("session", notes.token)
    with bounded(database()):
        sessions = UserSession.objects.using(database()).filter(key_hash__in=hashes, ended_at=None)
        found: uuid.UUID | None = sessions.values_list("pk", flat=True).first()
    return found
