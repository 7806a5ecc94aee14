"""Tells who acted as whom, and keeps the record of the other user clean.

A package that lets an administrator act as a user calls Django's `login()`, so it looks like a login of that user. Here
the login and its session are taken back. The browser's session remains one of the administrator, under a new key.
"""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.db import router

from tracking.capture.note import note, visit_of
from tracking.capture.visit import ACTOR, Fate, Noted, Visit
from tracking.events import Activity, Login, SessionStart
from tracking.models import ActivityLog, UserSession, database
from tracking.sessions.identity import SESSION_ID, SIGNED_COOKIES, key_hash, peek
from tracking.sessions.memory import memory
from tracking.storage.bounded import bounded

STARTED, ENDED = "impersonation.started", "impersonation.ended"


def begin(request: Any, actor_id: Any, user: Any) -> None:
    """Record that the actor acts as the user from now on. Call it after `login(request, user)`."""
    visit = visit_of(request)
    if visit is not None:
        begin_in(visit, actor_id, user.pk)
    else:
        note(_activity(STARTED, actor_id, user.pk), request)


def begin_in(visit: Visit, actor_id: Any, user_id: Any) -> None:
    _take_back_login(visit, user_id)
    _keep_session(visit, actor_id)
    visit.noted.append(
        Noted(_activity(STARTED, actor_id, user_id), Fate.of(router.db_for_write(ActivityLog)))
    )


def end(request: Any, actor_id: Any, user: Any, *, still: Any = None) -> None:
    """Record that the actor is back. Call it after `login(request, actor)`.

    `still` is the primary key of a user who acts as the actor, if there is one.
    """
    visit = visit_of(request)
    if visit is not None:
        _take_back_login(visit, get_user_model()._meta.pk.to_python(actor_id))
        _keep_session(visit, still)
    _note_end(actor_id, user.pk, request)


def note_end(request: Any) -> None:
    """Record the end of an impersonation by a logout. The administrator may log in again in the same request."""
    session = getattr(request, "session", None)
    actor_id, user_id = peek(session, ACTOR), peek(session, SESSION_KEY)
    if actor_id is None:
        return
    visit = visit_of(request)
    if visit is not None:
        visit.returning = str(actor_id)
    _note_end(actor_id, user_id, request)


def is_return(request: Any, user: Any) -> bool:
    """Tell whether a login only restores the session of an administrator who acted as somebody else until now."""
    visit = visit_of(request)
    if visit is None or visit.returning is None or visit.returning != str(user.pk):
        return False
    _keep_session(visit, None)
    return True


def _take_back_login(visit: Visit, user_id: Any) -> None:
    """Forget the login of the user that this request has noted, with the session that it began."""
    kept = [
        noted
        for noted in visit.noted
        if not (
            isinstance(noted.event, SessionStart) or (isinstance(noted.event, Login) and noted.event.success)
        )
        or noted.event.user_id != user_id
    ]
    visit.noted[:] = kept


def _keep_session(visit: Visit, actor_id: Any) -> None:
    """Go on with the session that the request came with, under whatever key it has now."""
    session: Any = getattr(visit.request, "session", None)
    if session is None:
        return
    session_id = _session_before(visit)
    if not session.session_key and settings.SESSION_ENGINE != SIGNED_COOKIES:
        session.save()  # otherwise Django would create the key only after the row of the session was written
    memory.here.discard(session.session_key)
    if session_id is not None:
        session[SESSION_ID] = str(session_id)
    else:
        session.pop(SESSION_ID, None)
    if actor_id is not None:
        session[ACTOR] = str(actor_id)
    else:
        session.pop(ACTOR, None)


def _session_before(visit: Visit) -> uuid.UUID | None:
    """Return the id of the request's session as it came: `login()` has emptied it. One query, for a rare event."""
    if not visit.token:
        return None
    if (known := memory.here.of(visit.token)) is not None:
        return uuid.UUID(known.session_id)
    with bounded(database()):
        sessions = UserSession.objects.using(database()).filter(key_hash=key_hash(visit.token), ended_at=None)
        found: uuid.UUID | None = sessions.values_list("pk", flat=True).first()
    return found


def _note_end(actor_id: Any, user_id: Any, request: Any) -> None:
    note(_activity(ENDED, actor_id, user_id), request, follows=router.db_for_write(ActivityLog))


def _activity(action: str, actor_id: Any, user_id: Any) -> Activity:
    model: Any = get_user_model()
    return Activity(
        action=action,
        user_id=model._meta.pk.to_python(actor_id),
        entity_type=model._meta.label_lower,
        entity_id=str(user_id),
    )
