"""Finds the user who makes a request, at the latest moment, because finding them may cost a query."""

import asyncio
import enum
from typing import Any

from django.utils.functional import LazyObject


class Deferred(enum.Enum):
    """A value of an event that is filled in after the view."""

    REQUEST_USER = "the user who makes the request"


REQUEST_USER = Deferred.REQUEST_USER


def user_id_of(request: Any) -> Any:
    """Return the primary key of the request's user; None if nobody is signed in. May query the session and the user.

    The access is tracking's own, so it does not make the response vary by cookie.
    """
    if request is None:
        return None
    # The request of Django REST framework is a wrapper; `_request` is its name for Django's.
    # tests/tracking/suite/suite_logins.py breaks first.
    request = getattr(request, "_request", request)
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject) and in_event_loop():
        # Queries are impossible here, so only a user that was already loaded is known. The two attributes are private
        # to django.contrib.auth.middleware. No test breaks if they change; such activities then have no user.
        user = getattr(request, "_acached_user", None) or getattr(request, "_cached_user", None)
    session: Any = getattr(request, "session", None)
    accessed = getattr(session, "accessed", None)
    try:
        return user.pk if user is not None and user.is_authenticated else None
    finally:
        if accessed is not None:
            session.accessed = accessed


def in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
