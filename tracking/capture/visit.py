"""Collects the events of one request, and after its view writes those whose transaction was kept."""

import asyncio
import contextvars
import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject

from tracking.capture.client import Client, client_of
from tracking.capture.second_factor import newly_passed
from tracking.events import Activity, Event, Login, SessionEnd, SessionStart
from tracking.health import report_fault
from tracking.models import UserSession
from tracking.sessions import revocations
from tracking.sessions.cleanup import Cleanup
from tracking.sessions.identity import (
    SIGNED_COOKIES,
    expiry_of,
    key_hash,
    peek,
    session_id_of,
    token_of,
    was_loaded,
)
from tracking.sessions.memory import remember_new
from tracking.sessions.seen import has_to_be_touched, note_seen
from tracking.storage.write import write
from tracking.tenancy import ByTenant


class Deferred(enum.Enum):
    """A value of an event that is filled in after the view, because finding it may cost a query."""

    REQUEST_USER = "the user who makes the request"


REQUEST_USER = Deferred.REQUEST_USER
# The key in a session under which the primary key of an administrator is kept who acts as the session's user.
ACTOR = "_tracking_actor"

current: contextvars.ContextVar["Visit | None"] = contextvars.ContextVar("tracking_visit", default=None)
cleanup = ByTenant(Cleanup)


class Fate:
    """Tells whether the transaction in which an event happened was kept.

    `on_commit` tells: its callback is called when the outermost transaction is committed, dropped when the transaction
    or a savepoint is rolled back, and still pending in a transaction that began before the request (a test's).

    `run_on_commit` is private: Django has no other way to see a pending callback.
    tests/tracking/suite/suite_transactions.py breaks first.
    """

    def __init__(self, alias: str) -> None:
        self.connection = connections[alias]
        # Outside a transaction of Django's, nothing can be rolled back that we could know of.
        self.is_committed = not self.connection.in_atomic_block
        if not self.is_committed:
            self.connection.on_commit(self._commit, robust=True)

    @classmethod
    def of(cls, alias: str) -> "Fate | None":
        """Return the fate of an event that follows this database; None where no transaction can be seen.

        An event loop has no transaction that could be rolled back: Django's are sync.
        """
        return None if not alias or in_event_loop() else cls(alias)

    def _commit(self) -> None:
        self.is_committed = True

    def holds(self) -> bool:
        return self.is_committed or any(entry[1] == self._commit for entry in self.connection.run_on_commit)


@dataclass(slots=True)
class Noted:
    event: Event
    fate: Fate | None  # None: the event is kept even if the transaction is rolled back
    needs_answer: bool = False  # a login that counts only if the view does not refuse it

    def holds(self) -> bool:
        return self.fate is None or self.fate.holds()


def refused(event: Event) -> Event:
    """Return a login with a correct password that the view refused all the same."""
    return replace(event, success=False, failure_reason="refused")  # type: ignore[call-arg]


@dataclass(slots=True)
class Visit:
    request: HttpRequest
    token: str
    noted: list[Noted] = field(default_factory=list)
    is_over: bool = False
    # The primary key, as text, of an administrator whose acting as somebody else has ended in this request.
    returning: str | None = None
    # The reason of the next failed login, where a package has told it before Django's signal.
    next_reason: str = ""
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
        """Write the noted events that hold. Never raises."""
        self.is_over = True
        try:
            for prepare in before_writing:
                prepare(self)
            self._note_second_factor()
            if self.noted:
                # Django does not save the session after a 5xx response.
                saved = response is not None and response.status_code < 500
                is_refused = response is None or response.status_code >= 400
                events = [
                    refused(noted.event) if noted.needs_answer and is_refused else noted.event
                    for noted in self.noted
                    if noted.holds()
                ]
                self.noted.clear()
                write([done for event in events for done in self._completed_if_possible(event, saved)])
            note_seen(self.request, self.token)
            cleanup.here.run_if_due()
        except Exception as error:
            report_fault("Tracking a request", error)

    def _note_second_factor(self) -> None:
        """Add the second factor to the login of this request, or note that an earlier login has passed it now.

        Packages put it into the session, which they change by that.
        """
        session: Any = getattr(self.request, "session", None)
        if not was_loaded(session) or not session.modified or not (kind := newly_passed(session)):
            return
        for noted in self.noted:
            if isinstance(noted.event, Login) and noted.event.success:
                noted.event = replace(noted.event, second_factor=kind)
                return
        if session_id_of(session) is not None:
            passed = Activity(action="second_factor.passed", user_id=REQUEST_USER, metadata={"kind": kind})
            self.noted.append(Noted(passed, None))

    def _completed_if_possible(self, event: Event, session_is_saved: bool) -> list[Event]:
        """Keep an event whose session or user cannot be read incomplete, so that the others are not lost."""
        try:
            return self._completed(event, session_is_saved)
        except Exception as error:
            report_fault("Completing an event", error)
            lacks_user = isinstance(event, Activity) and event.user_id is REQUEST_USER
            return [replace(event, user_id=None) if lacks_user else event]  # type: ignore[call-arg]

    def _completed(self, event: Event, session_is_saved: bool) -> list[Event]:
        if isinstance(event, SessionStart):
            return [self._with_key(event)] if session_is_saved else []
        if isinstance(event, SessionEnd) and event.reason == UserSession.EndReason.LOGOUT:
            return [] if self._continues(event) else [event]
        if isinstance(event, Activity) and event.user_id is REQUEST_USER:
            return [self._with_user(event)]
        return [event]

    def _with_user(self, event: Activity) -> Activity:
        """Add the user of the request; of an administrator who acts as somebody, the administrator."""
        user_id = user_id_of(self.request)
        actor = peek(getattr(self.request, "session", None), ACTOR)
        if actor is None or user_id is None:
            return replace(event, user_id=user_id)
        actor_id = get_user_model()._meta.pk.to_python(actor)
        return replace(event, user_id=actor_id, metadata=event.metadata | {"acting_as": str(user_id)})

    def _continues(self, event: SessionEnd) -> bool:
        """Tell whether the session still exists: revoking a token sends a logout's signal, but keeps the session."""
        return session_id_of(getattr(self.request, "session", None)) == event.session_id

    def _with_key(self, event: SessionStart) -> SessionStart:
        """Add the session key, which is known last: it may change after the login, or be created at the very end."""
        session: Any = getattr(self.request, "session", None)
        if session_id_of(session) != event.uuid:
            return event
        by_key = settings.SESSION_ENGINE != SIGNED_COOKIES
        if by_key and not session.session_key:
            session.save()  # after a change of user, Django would create the key only when it saves the session
        remember_new(event.uuid, session.session_key)
        hashed = key_hash(session.session_key) if by_key else None
        return replace(event, key_hash=hashed, expires_at=expiry_of(session))


# Called with each visit before its events are written, by `tracking.contrib`.
before_writing: list[Callable[[Visit], None]] = []


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
