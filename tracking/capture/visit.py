"""One request: what happened during it, and what of that holds once its view is done."""

import asyncio
import contextvars
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject

from tracking.capture.client import Client, client_of
from tracking.events import Activity, Event, SessionEnd, SessionStart
from tracking.health import report_fault
from tracking.models import UserSession
from tracking.sessions import revocations
from tracking.sessions.cleanup import Cleanup
from tracking.sessions.identity import SIGNED_COOKIES, expiry_of, key_hash, session_id_of, token_of
from tracking.sessions.memory import remember_new
from tracking.sessions.seen import has_to_be_touched, note_seen
from tracking.storage.write import write

# The user of an activity is asked for once the view is done, since asking may cost a query.
WHO_IS_ASKING: Any = object()

current: contextvars.ContextVar["Visit | None"] = contextvars.ContextVar("tracking_visit", default=None)
cleanup = Cleanup()


class Fate:
    """Whether the transaction in which something happened is kept.

    Told by `on_commit`: it is called once the outermost transaction is committed, dropped where a savepoint or the
    whole is rolled back, and still waiting where a transaction is open that began before the request (a test's).
    """

    def __init__(self, alias: str) -> None:
        self.connection = connections[alias]
        # Outside of a transaction that Django keeps there is nothing to be rolled back as far as anybody can tell.
        self.is_committed = not self.connection.in_atomic_block
        if not self.is_committed:
            self.connection.on_commit(self._commit, robust=True)

    def _commit(self) -> None:
        self.is_committed = True

    def holds(self) -> bool:
        return self.is_committed or any(entry[1] == self._commit for entry in self.connection.run_on_commit)


@dataclass(slots=True)
class Noted:
    event: Event
    fate: Fate | None  # None: it counts whatever becomes of the transaction

    def holds(self) -> bool:
        return self.fate is None or self.fate.holds()


@dataclass(slots=True)
class Visit:
    request: HttpRequest
    token: str
    noted: list[Noted] = field(default_factory=list)
    is_over: bool = False
    _client: Client | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> "Visit":
        return cls(request, token_of(request))

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = client_of(self.request)
        return self._client

    # Before the view

    @property
    def needs_database_first(self) -> bool:
        return bool(self.token) and (
            revocations.has_to_be_checked(self.token) or revocations.is_revoked(self.token)
        )

    def begin(self) -> None:
        if self.token:
            revocations.refuse_if_ended(self.request, self.token)

    # After the view

    @property
    def needs_database_afterwards(self) -> bool:
        if self.noted:
            return True
        return has_to_be_touched(self.request, self.token)

    def finish(self, response: HttpResponseBase | None) -> None:
        """Write what was noted and holds. Never raises."""
        self.is_over = True
        try:
            if self.noted:
                # Django saves no session of a 5xx answer.
                saved = response is not None and response.status_code < 500
                held = [noted.event for noted in self.noted if noted.holds()]
                self.noted.clear()
                write([done for event in held for done in self._completed_or_as_it_is(event, saved)])
            note_seen(self.request, self.token)
            cleanup.run_if_due()
        except Exception as error:
            report_fault("Tracking a request", error)

    def _completed_or_as_it_is(self, event: Event, session_is_saved: bool) -> list[Event]:
        """What one event lacks, because the session or the user cannot be had, must not cost the others."""
        try:
            return self._completed(event, session_is_saved)
        except Exception as error:
            report_fault("Completing an event", error)
            unknown = isinstance(event, Activity) and event.user_id is WHO_IS_ASKING
            return [replace(event, user_id=None) if unknown else event]  # type: ignore[call-arg]

    def _completed(self, event: Event, session_is_saved: bool) -> list[Event]:
        if isinstance(event, SessionStart):
            return [self._with_key(event)] if session_is_saved else []
        if isinstance(event, SessionEnd) and event.reason == UserSession.EndReason.LOGOUT:
            return [] if self._goes_on(event) else [event]
        if isinstance(event, Activity) and event.user_id is WHO_IS_ASKING:
            return [replace(event, user_id=user_id_of(self.request))]
        return [event]

    def _goes_on(self, event: SessionEnd) -> bool:
        """Of a token that was given back Django's signal tells as of a logout, and the session stays as it is."""
        return session_id_of(getattr(self.request, "session", None)) == event.session_id

    def _with_key(self, event: SessionStart) -> SessionStart:
        """The session's key is known last: it may have been changed after the login, or not be there before the end."""
        session: Any = getattr(self.request, "session", None)
        if session_id_of(session) != event.uuid:
            return event
        by_key = settings.SESSION_ENGINE != SIGNED_COOKIES
        if by_key and not session.session_key:
            session.save()  # after a change of user there is no key before the very end
        remember_new(event.uuid, session.session_key)
        hashed = key_hash(session.session_key) if by_key else None
        return replace(event, key_hash=hashed, expires_at=expiry_of(session))


def user_id_of(request: Any) -> Any:
    """The primary key of who makes the request; of nobody, None. May ask the database for the session and the user.

    That is no access of the host's, and does not make its answer vary by cookie.
    """
    if request is None:
        return None
    request = getattr(request, "_request", request)  # Django REST framework's is a wrapper
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject) and in_event_loop():
        # The database cannot be asked here; what was found out already is known.
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
