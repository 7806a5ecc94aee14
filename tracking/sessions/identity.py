"""Identifies sessions: by an id in the session's data, by their key, and by a keyed hash of the key."""

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
    """Return what identifies the request's session, without loading it; "" without a session.

    It is the session key, or the session's id if sessions are signed cookies.
    """
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        return _peek(getattr(request, "session", None))
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")


def _peek(session: Any) -> str:
    """Return the session's id from a signed cookie, whose key changes with every save.

    Reading it costs no query. It must not count as access, because that would make every response vary by cookie.
    """
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
    """Return a value of a session, or None if the session was not loaded.

    It costs no query, and does not count as access, which would make the response vary by cookie.
    """
    if not was_loaded(session):
        return None
    accessed = session.accessed
    try:
        return session.get(name)
    finally:
        session.accessed = accessed


def session_id_of(session: Any) -> uuid.UUID | None:
    """Return the id of a session; None if it was not loaded, or has no id of ours."""
    try:
        return uuid.UUID(peek(session, SESSION_ID))
    except (TypeError, ValueError, AttributeError):
        return None


def was_just_given_to(session: Any, user: Any) -> bool:
    """Tell whether `login()` has just put the user into this session.

    An API that issues a token sends the same signal, with no session, or with one that was only read.
    """
    if user is None or not was_loaded(session) or not session.modified:
        return False
    return bool(peek(session, SESSION_KEY) == user._meta.pk.value_to_string(user))
