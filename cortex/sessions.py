"""Django's sessions in the cache and the database, with a short life for visitors who are not logged in.

Such a visitor has a session only on the way to a provider and back. If it lasted a week, anybody could fill Redis.
"""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import cached_db
from django.core.cache import caches

from tracking.sessions.identity import peek

# Django's own keys. Other cookies are no session: they are asked for neither in Redis nor in the database, which takes
# no NUL in a text.
KEY = re.compile("[a-z0-9]{32}")
# As long as it takes to log in at a provider.
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
        """Between the database and the cache somebody may have logged out, and the cache would go on with the session.

        One query for each time that the cache was written to, which is not once in a request.
        """
        cache = caches[settings.SESSION_CACHE_ALIAS]
        if getattr(cache, "is_away", False):
            return
        if self.session_key and not self.model.objects.filter(session_key=self.session_key).exists():
            cache.delete(self.cache_key)

    def _validate_session_key(self, key: Any) -> bool:
        """Django asks it of every key, and means it to be at least eight characters. A test notices if that ends."""
        return isinstance(key, str) and KEY.fullmatch(key) is not None
