"""Tells who acted as whom with django-hijack."""

from typing import Any

from tracking.capture.note import note_switch
from tracking.capture.noted import ENDED, Switch
from tracking.capture.receivers import harmless


def connect() -> None:
    from hijack import signals

    signals.hijack_started.connect(on_started, dispatch_uid="tracking.hijack.started")
    signals.hijack_ended.connect(on_ended, dispatch_uid="tracking.hijack.ended")


@harmless
def on_started(sender: Any, request: Any, hijacker: Any, hijacked: Any, **kwargs: Any) -> None:
    # Somebody who acts as a user may act as the next one. The session stays that of the first.
    history = request.session.get("hijack_history")
    note_switch(Switch.start(hijacker.pk, hijacked.pk, origin=history[0] if history else None), request)


@harmless
def on_ended(sender: Any, request: Any, hijacker: Any, hijacked: Any, **kwargs: Any) -> None:
    history = request.session.get("hijack_history")
    note_switch(Switch(ENDED, hijacker.pk, hijacked.pk, still=history[0] if history else None), request)
