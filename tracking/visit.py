"""One request: what happened during it, and what of that holds once its view is done."""

import contextvars
import time
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.db import connections
from django.http import HttpRequest, HttpResponseBase

from tracking import sessions
from tracking.client import Client, client_of
from tracking.events import Activity, Event, SessionStart
from tracking.health import report_fault
from tracking.sessions import Cleanup, session_id_of, token_of
from tracking.write import write

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
        self.is_committed = False
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
            sessions.has_to_be_checked(self.token) or sessions.is_revoked(self.token)
        )

    def begin(self) -> None:
        if self.token:
            sessions.refuse_if_ended(self.request, self.token)

    # After the view

    @property
    def needs_database_afterwards(self) -> bool:
        if self.noted:
            return True
        session: Any = getattr(self.request, "session", None)
        if not self.token and not sessions.was_loaded(session):
            return False
        key = (session.session_key if sessions.was_loaded(session) else None) or self.token
        return key != self.token or sessions.has_to_be_touched(key, now=time.monotonic())

    def finish(self, response: HttpResponseBase | None) -> None:
        """Write what was noted and holds. Never raises."""
        try:
            if self.noted:
                saved = (
                    response is not None and response.status_code < 500
                )  # Django saves no session of a 5xx answer
                write(
                    [
                        event
                        for noted in self.noted
                        if noted.holds()
                        for event in self._completed(noted.event, saved)
                    ]
                )
                self.noted.clear()
            sessions.note_seen(self.request, self.token)
            cleanup.run_if_due()
        except Exception as error:
            report_fault("Tracking a request", error)

    def _completed(self, event: Event, session_is_saved: bool) -> list[Event]:
        if isinstance(event, SessionStart):
            return [self._with_key(event)] if session_is_saved else []
        if isinstance(event, Activity) and event.user_id is WHO_IS_ASKING:
            return [replace(event, user_id=user_id_of(self.request))]
        return [event]

    def _with_key(self, event: SessionStart) -> SessionStart:
        """The session's key is known last: it may have been changed after the login, or not be there before the end."""
        session: Any = getattr(self.request, "session", None)
        if session_id_of(session) != event.uuid:
            return event
        sessions.remember_new(event.uuid, session.session_key)
        by_key = session.session_key and settings.SESSION_ENGINE != sessions.SIGNED_COOKIES
        return replace(event, key_hash=sessions.key_hash(session.session_key)) if by_key else event


def user_id_of(request: HttpRequest | None) -> Any:
    """The primary key of who is logged in; of nobody, None. May ask the database for the session and the user."""
    if request is None:
        return None
    cached = getattr(request, "_cached_user", None) or getattr(request, "_acached_user", None)
    user = cached or request.__dict__.get("user")
    if user is not None:
        return user.pk if user.is_authenticated else None
    session: Any = getattr(request, "session", None)
    if session is None:
        return None
    if SESSION_KEY not in session:
        return None
    pk: Any = get_user_model()._meta.pk
    return pk.to_python(session[SESSION_KEY])
