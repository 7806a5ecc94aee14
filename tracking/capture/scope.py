"""Stands in for the request of a WebSocket, for which channels sends Django's signals without one."""

import contextvars
from types import SimpleNamespace
from typing import Any

from django.http.request import HttpHeaders

current_scope: contextvars.ContextVar[Any] = contextvars.ContextVar("tracking_scope", default=None)


def request_of_scope() -> Any:
    """Return what tracking needs of a request, made of the current WebSocket's scope; None without one."""
    scope = current_scope.get()
    if scope is None:
        return None
    meta = {"REMOTE_ADDR": (scope.get("client") or ("",))[0]}
    for name, value in scope.get("headers", ()):
        key = "HTTP_" + name.decode("latin1").upper().replace("-", "_")
        meta[key] = value.decode("latin1")
    return SimpleNamespace(META=meta, headers=HttpHeaders(meta), session=scope.get("session"))
