"""Tells sessions apart: by an id within the session's data, by its key, and by a keyed hash of the key."""

import datetime as dt
import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.utils import timezone

from tracking.hashes import keyed_hash

SESSION_ID = "_tracking_session"
SIGNED_COOKIES = "django.contrib.sessions.backends.signed_cookies"


def key_hash(session_key: str) -> str:
    return keyed_hash("session", session_key)


def expiry_of(session: Any) -> dt.datetime:
    expiry: dt.datetime = session.get_expiry_date()
    return timezone.make_aware(expiry) if timezone.is_naive(expiry) and settings.USE_TZ else expiry


def token_of(request: HttpRequest) -> str:
    """What tells this request's session from others, without loading it; empty where there is none."""
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        return _peek(getattr(request, "session", None))
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")


def _peek(session: Any) -> str:
    """The session's id within a signed cookie, whose key changes all the time. Reading it costs no query, and must not
    count as access, for that would make every answer vary by cookie."""
    if session is None or not session.session_key:
        return ""
    accessed = session.accessed
    try:
        return str(session.get(SESSION_ID, ""))
    finally:
        session.accessed = accessed


def was_loaded(session: Any) -> bool:
    return session is not None and hasattr(session, "_session_cache")


def peek(session: Any, name: str) -> Any:
    """A value of a session, or None where the session has not been loaded: it costs no query, and does not count as
    access, which would make the answer vary by cookie."""
    if not was_loaded(session):
        return None
    accessed = session.accessed
    try:
        return session.get(name)
    finally:
        session.accessed = accessed


def session_id_of(session: Any) -> uuid.UUID | None:
    """The id of a session that has been loaded already."""
    try:
        return uuid.UUID(peek(session, SESSION_ID))
    except (TypeError, ValueError, AttributeError):
        return None


def was_just_given_to(session: Any, user: Any) -> bool:
    """Whether `login()` has put the user into this session. An API that gives out a token sends the same signal, and
    has nobody's session, or one that was merely read."""
    if user is None or not was_loaded(session) or not session.modified:
        return False
    return bool(peek(session, SESSION_KEY) == user._meta.pk.value_to_string(user))
