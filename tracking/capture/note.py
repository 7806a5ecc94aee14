"""Note an event: on the request it belongs to, to be written after the view; without one, write it at once."""

from dataclasses import replace
from typing import Any

from tracking.capture.visit import WHO_IS_ASKING, Fate, Noted, Visit, current, in_event_loop, user_id_of
from tracking.events import Activity, Event
from tracking.storage import spool
from tracking.storage.write import write


def visit_of(request: Any) -> Visit | None:
    """The visit that a request, or a framework's wrapper around one, belongs to; without a request, the present one."""
    visit = current.get()
    if visit is not None and visit.is_over:
        return None  # a task that outlives the request it was started by
    if visit is None or request is None:
        return visit
    return visit if getattr(request, "_request", request) is visit.request else None


def note(event: Event, request: Any = None, *, follows: str = "") -> None:
    """`follows`: the database whose transaction decides whether this happened; empty: it happened in any case."""
    visit = visit_of(request)
    if visit is not None:
        # An event loop holds no transaction that could be rolled back: Django's are sync.
        visit.noted.append(Noted(event, Fate(follows) if follows and not in_event_loop() else None))
        return
    if isinstance(event, Activity) and event.user_id is WHO_IS_ASKING:
        event = replace(event, user_id=user_id_of(request))
    if in_event_loop():
        spool.add([event])  # where no query can be made; whoever writes next writes it too
    else:
        write([event])
