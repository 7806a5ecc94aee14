"""Tells logins that django-axes refused without looking at the password."""

import functools
from typing import Any

from tracking.capture.logins import LOCKED_OUT, refuse_next
from tracking.capture.receivers import harmless


def connect() -> None:
    from axes.backends import AxesStandaloneBackend

    if not hasattr(AxesStandaloneBackend.authenticate, "is_watched"):
        AxesStandaloneBackend.authenticate = _noting_lockouts(AxesStandaloneBackend.authenticate)


def _noting_lockouts(authenticate: Any) -> Any:
    """Wrap the backend's method. Its attribute `request.axes_locked_out` also marks the last attempt before a lockout,
    whose password was looked at."""
    from axes.exceptions import AxesBackendPermissionDenied

    @functools.wraps(authenticate)
    def wrapper(self: Any, request: Any = None, *args: Any, **kwargs: Any) -> Any:
        try:
            return authenticate(self, request, *args, **kwargs)
        except AxesBackendPermissionDenied:
            harmless(refuse_next)(request, LOCKED_OUT)
            raise

    wrapper.is_watched = True  # type: ignore[attr-defined]
    return wrapper
