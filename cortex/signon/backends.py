"""By e-mail and password, with one hash for a failure of any kind."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


class EmailBackend(ModelBackend):
    """Asks allauth's, which knows inactive users from wrong passwords, and lets no other backend be asked after it.

    Each further one would hash the password again: 0.4 seconds of a processor for anybody who sends a form. allauth's
    own stays in the settings as the backend of those who sign on at a provider.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:  # type: ignore[override]
        """Raises PermissionDenied, by which Django asks no other backend."""
        user = AuthenticationBackend().authenticate(request, **credentials)
        if user is None:
            raise PermissionDenied
        return user
