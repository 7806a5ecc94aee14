"""Decides at the end of a request which of its noted events hold, and completes them."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpResponseBase

from tracking.capture import impersonation
from tracking.capture.noted import ACTOR, Noted, Notes
from tracking.capture.requester import REQUEST_USER, user_id_of
from tracking.capture.second_factor import newly_passed
from tracking.events import ERROR, Activity, Event, Login, SessionEnd, SessionStart
from tracking.health import report_fault
from tracking.models import UserSession
from tracking.sessions.identity import SIGNED_COOKIES, expiry_of, key_hash, peek, session_id_of
from tracking.sessions.memory import remember_new


def settled(notes: Notes, response: HttpResponseBase | None) -> list[Event]:
    """Return the events to write. Each step may fail for itself; then the others still hold."""
    status = response.status_code if response is not None else 500
    is_saved = status < 500  # Django does not save the session after an error
    _guarded("Telling who acted as whom", lambda: _settle_switches(notes, is_saved))
    _guarded("Finding a second factor", lambda: _note_second_factor(notes))
    events = _one_login_each([event for noted in notes.noted for event in _answered(noted, status)])
    completed = Completion(notes, events, is_saved=is_saved)
    notes.noted.clear()
    return [done for event in events for done in completed.of(event)]


def _guarded(what: str, step: Any) -> None:
    try:
        step()
    except Exception as error:
        report_fault(what, error)


def _settle_switches(notes: Notes, is_saved: bool) -> None:
    switches, notes.switches = notes.switches, []
    if switches:
        impersonation.settle(notes, switches, is_saved=is_saved)


def _note_second_factor(notes: Notes) -> None:
    """Add the second factor to the login of this request, or note that an earlier login has passed it now."""
    session: Any = getattr(notes.request, "session", None)
    passed = newly_passed(session)
    if passed is None:
        return
    passed.mark(session)
    for noted in notes.noted:
        if isinstance(noted.event, Login) and noted.event.success:
            noted.event = replace(noted.event, second_factor=passed.kind)
            return
    if passed.is_new and session_id_of(session) is not None:
        activity = Activity(
            action="second_factor.passed", user_id=REQUEST_USER, metadata={"kind": passed.kind}
        )
        notes.noted.append(Noted(activity, None))


def _answered(noted: Noted, status: int) -> list[Event]:
    """Return the event if it holds. A login for a token that the view refused all the same is a failure."""
    if noted.needs_answer and status >= 400:
        return [_failed(noted.event, "refused" if status < 500 else ERROR)]
    return [noted.event] if noted.holds() else []


def _failed(login: Event, reason: str) -> Event:
    """Return a login with correct credentials that came to nothing."""
    return replace(login, success=False, failure_reason=reason, session_id=None)  # type: ignore[call-arg]


def _one_login_each(events: list[Event]) -> list[Event]:
    """Keep one login of each user: some packages send a second signal. The one with a session counts, else the last."""
    best: dict[Any, Login] = {}
    for event in events:
        if isinstance(event, Login) and event.success and event.user_id is not None:
            before = best.get(event.user_id)
            if before is None or event.session_id is not None or before.session_id is None:
                best[event.user_id] = event
    return [
        event
        for event in events
        if not isinstance(event, Login)
        or not event.success
        or event.user_id is None
        or best[event.user_id] is event
    ]


class Completion:
    """Completes events with what is known only at the end of the request."""

    def __init__(self, notes: Notes, events: list[Event], *, is_saved: bool) -> None:
        self.request, self.is_saved = notes.request, is_saved
        self.session: Any = getattr(notes.request, "session", None)
        self._ended = {event.session_id for event in events if isinstance(event, SessionEnd)}
        self._session_of = {
            noted.event.uuid: noted.session for noted in notes.noted if isinstance(noted.event, SessionStart)
        }
        starts = [event for event in events if isinstance(event, SessionStart)]
        self._lost = {start.uuid for start in starts if not self._is_kept(start)}

    def of(self, event: Event) -> list[Event]:
        """Return the completed event, or nothing. An event that cannot be completed is kept incomplete."""
        try:
            return self._completed(event)
        except Exception as error:
            report_fault("Completing an event", error)
            lacks_user = isinstance(event, Activity) and event.user_id is REQUEST_USER
            return [replace(event, user_id=None) if lacks_user else event]  # type: ignore[call-arg]

    def _is_kept(self, start: SessionStart) -> bool:
        """Tell whether the session exists: a second login in the same request replaces the first one's session."""
        session = self._session_of.get(start.uuid)
        return self.is_saved and (start.uuid in self._ended or session_id_of(session) == start.uuid)

    def _completed(self, event: Event) -> list[Event]:
        if isinstance(event, SessionStart):
            return [] if event.uuid in self._lost else [self._with_key(event)]
        if isinstance(event, SessionEnd) and event.reason == UserSession.EndReason.LOGOUT:
            return [] if self._continues(event) else [event]
        if isinstance(event, Login) and event.session_id in self._lost:
            return [replace(event, session_id=None) if self.is_saved else _failed(event, ERROR)]
        if isinstance(event, Activity) and event.user_id is REQUEST_USER:
            return [self._with_user(event)]
        return [event]

    def _with_user(self, event: Activity) -> Activity:
        """Add the user of the request; of an administrator who acts as somebody, the administrator."""
        user_id = user_id_of(self.request)
        actor = peek(self.session, ACTOR)
        if actor is None or user_id is None:
            return replace(event, user_id=user_id)
        actor_id = get_user_model()._meta.pk.to_python(actor)
        return replace(event, user_id=actor_id, metadata=event.metadata | {"acting_as": str(user_id)})

    def _continues(self, event: SessionEnd) -> bool:
        """Tell whether the session still exists: revoking a token sends a logout's signal, but keeps the session."""
        return session_id_of(self.session) == event.session_id

    def _with_key(self, event: SessionStart) -> SessionStart:
        """Add the session key, which is known last: it may change after the login, or be created at the very end."""
        session: Any = self._session_of.get(event.uuid)
        if session_id_of(session) != event.uuid:
            return event
        by_key = settings.SESSION_ENGINE != SIGNED_COOKIES
        if by_key and not session.session_key:
            session.save()  # after a change of user, Django would create the key only when it saves the session
        remember_new(event.uuid, session.session_key)
        hashed = key_hash(session.session_key) if by_key else None
        return replace(event, key_hash=hashed, expires_at=expiry_of(session))
