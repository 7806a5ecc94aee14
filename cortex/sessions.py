"""Stores sessions in the cache and the database, and keeps those of visitors for only 15 minutes.

A visitor who is not signed in has a session only on the way to a provider and back. If it lasted a week, anybody could
fill Redis.
"""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import cached_db
from django.core.cache import caches

from tracking.sessions.identity import peek

# The keys that Django makes. Other cookies are not looked up, in Redis or in the database, which rejects NUL in a text.
KEY = re.compile("[a-z0-9]{32}")
# Enough time to sign in at a provider.
NOBODY_SECONDS = 15 * 60


class SessionStore(cached_db.SessionStore):
    def get_session_cookie_age(self) -> int:
        return settings.SESSION_COOKIE_AGE if peek(self, SESSION_KEY) else NOBODY_SECONDS

    def load(self) -> dict[str, Any]:
        self._came_from_database = False
        data: dict[str, Any] = super().load()
        if self._came_from_database:
            self._forget_if_gone()
        return data

    def save(self, must_create: bool = False) -> None:
        super().save(must_create)
        self._forget_if_gone()

    def _get_session_from_db(self) -> Any:
        self._came_from_database = True
        return super()._get_session_from_db()  # type: ignore[misc]

    def _forget_if_gone(self) -> None:
        """Deletes the session from the cache if it is gone from the database.

        A logout may happen between our read of the database and our write to the cache, which would revive the session.
        One query after each write to the cache, which is rarer than once a request.
        """
        cache = caches[settings.SESSION_CACHE_ALIAS]
        if getattr(cache, "is_away", False):
            return
        if self.session_key and not self.model.objects.filter(session_key=self.session_key).exists():
            cache.delete(self.cache_key)

    def _validate_session_key(self, key: Any) -> bool:
        """Accepts only keys that Django makes.

        Private API: Django calls this for every key, and itself only checks for eight characters. If it changes, this
        breaks first: tests/cortex/test_sessions.py::test_an_odd_key_is_asked_for_nowhere
        """
        return isinstance(key, str) and KEY.fullmatch(key) is not None
