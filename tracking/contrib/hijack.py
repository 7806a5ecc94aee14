"""Tells who acted as whom with django-hijack."""

from typing import Any

from tracking.capture.impersonation import begin, end
from tracking.capture.receivers import harmless


def connect() -> None:
    from hijack import signals

    signals.hijack_started.connect(on_started, dispatch_uid="tracking.hijack.started")
    signals.hijack_ended.connect(on_ended, dispatch_uid="tracking.hijack.ended")


@harmless
def on_started(sender: Any, request: Any, hijacker: Any, hijacked: Any, **kwargs: Any) -> None:
    begin(request, hijacker.pk, hijacked)


@harmless
def on_ended(sender: Any, request: Any, hijacker: Any, hijacked: Any, **kwargs: Any) -> None:
    # Somebody who acts as a user may act as the next one, and come back to the first.
    history = request.session.get("hijack_history")
    end(request, hijacker.pk, hijacked, still=history[-1] if history else None)
