"""Backends that a site writes itself."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend


class LinkBackend(ModelBackend):
    """Takes no password, but the token of a link."""

    def authenticate(self, request: Any, user_pk: Any = None, link: str = "") -> Any:  # type: ignore[override]
        return get_user_model().objects.filter(pk=user_pk).first() if link == "right" else None


class NameBackend(ModelBackend):
    """Takes a password beside another name for the user."""

    def authenticate(self, request: Any, nickname: str = "", password: str = "") -> Any:  # type: ignore[override]
        user = get_user_model().objects.filter(username=f"{nickname}@example.com").first()
        return user if user and user.check_password(password) else None
