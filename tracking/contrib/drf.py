"""Notes logins for tokens: of Django REST framework's own view, and of simplejwt. Neither sends a signal of success.

Knox and djoser do; `tracking.capture.receivers` tells them by the request, which is one of REST framework.
"""

import functools
from importlib.util import find_spec
from typing import Any

from tracking.capture.logins import BY_API, note_token
from tracking.capture.receivers import harmless


def connect() -> None:
    from django.apps import apps

    if apps.is_installed("rest_framework.authtoken"):
        from rest_framework.authtoken.serializers import AuthTokenSerializer

        _watch(AuthTokenSerializer, BY_API, lambda serializer, result: result["user"])
    if find_spec("rest_framework_simplejwt"):
        from rest_framework_simplejwt.serializers import TokenObtainSerializer

        _watch(TokenObtainSerializer, "jwt", lambda serializer, result: serializer.user)


def _watch(serializer: Any, method: str, user_of: Any) -> None:
    """Wrap `validate`, which checks the password: projects replace the views more often than the serializers."""
    validate = serializer.validate
    if hasattr(validate, "is_watched"):
        return

    @functools.wraps(validate)
    def wrapper(self: Any, attrs: Any) -> Any:
        result = validate(self, attrs)
        harmless(note)(self, result)
        return result

    def note(serializer: Any, result: Any) -> None:
        note_token(serializer.context.get("request"), user_of(serializer, result), method)

    wrapper.is_watched = True  # type: ignore[attr-defined]
    serializer.validate = wrapper
