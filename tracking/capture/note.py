"""Queues an event on its request until the view is done; without a request, writes it at once."""

from dataclasses import replace
from typing import Any

from tracking.capture.impersonation import mark
from tracking.capture.noted import Fate, Noted, Switch
from tracking.capture.requester import REQUEST_USER, in_event_loop, user_id_of
from tracking.capture.visit import Visit, current
from tracking.events import Activity, Event
from tracking.storage import spool
from tracking.storage.write import write


def visit_of(request: Any) -> Visit | None:
    """Return the visit of a request, or of a framework's wrapper around one; without a request, the current visit."""
    visit = current.get()
    if visit is not None and visit.is_over:
        return None  # this is a task that outlives the request that started it
    if visit is None or request is None:
        return visit
    return visit if getattr(request, "_request", request) is visit.request else None


def note(
    event: Event,
    request: Any = None,
    *,
    follows: str = "",
    needs_answer: bool = False,
    session: Any = None,
) -> None:
    """Note an event.

    `follows` is the alias of the database whose transaction decides: if it is rolled back, the event is discarded.
    Empty: the event is always kept. `needs_answer` marks a login that counts only if the view does not refuse it;
    `session` is the one that a start of a session is about.
    """
    visit = visit_of(request)
    if visit is not None:
        visit.noted.append(Noted(event, Fate.of(follows), needs_answer=needs_answer, session=session))
        return
    if isinstance(event, Activity) and event.user_id is REQUEST_USER:
        event = replace(event, user_id=user_id_of(request))
    if in_event_loop():
        spool.add([event])  # queries are impossible here; the next writer replays the spool
    else:
        write([event])


def note_switch(switch: Switch, request: Any = None) -> None:
    """Note that an administrator begins or ends acting as a user. Call it after Django's `login()`."""
    visit = visit_of(request)
    if visit is None:
        note(switch.activity, request)
        return
    mark(getattr(visit.request, "session", None), switch)
    visit.switches.append(switch)
