"""Collects the events of one request, and writes after its view those that hold."""

import contextvars
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from tracking.capture.client import Client, client_of
from tracking.capture.noted import Notes
from tracking.capture.second_factor import newly_passed
from tracking.capture.settle import settled
from tracking.health import report_fault
from tracking.sessions import revocations
from tracking.sessions.cleanup import Cleanup
from tracking.sessions.identity import token_of
from tracking.sessions.seen import has_to_be_touched, note_seen
from tracking.storage.write import write
from tracking.tenancy import ByTenant

current: contextvars.ContextVar["Visit | None"] = contextvars.ContextVar("tracking_visit", default=None)
cleanup = ByTenant(Cleanup)


@dataclass(slots=True)
class Visit(Notes):
    is_over: bool = False
    # An administrator who acted as somebody is being logged in again, so the logout before it is no end of the session.
    is_returning: bool = False
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
        session: Any = getattr(self.request, "session", None)
        return bool(
            self.noted
            or self.switches
            or has_to_be_touched(self.request, self.token)
            or newly_passed(session) is not None
        )

    def close(self) -> None:
        """End the visit: what still happens, in a task that outlives the request, is no longer noted with it."""
        self.is_over = True

    def finish(self, response: HttpResponseBase | None) -> None:
        """Write the noted events that hold. Never raises."""
        self.close()
        try:
            write(settled(self, response))
            note_seen(self.request, self.token)
            cleanup.here.run_if_due()
        except Exception as error:
            report_fault("Tracking a request", error)
