"""Remembers the sessions that this process has seen, so that ordinary requests cost no query."""

import time
import uuid
from dataclasses import dataclass

from django.conf import settings

from tracking.sessions.identity import SIGNED_COOKIES
from tracking.tenancy import ByTenant

# Sessions that a process remembers. When there are more, it forgets all of them and looks at each once more.
MOST_REMEMBERED = 20_000


@dataclass(slots=True)
class Known:
    """A session with a row in `user_sessions`, as this process knows it; times are monotonic seconds."""

    session_id: str
    began_at: float = float("-inf")  # when this process created it
    touched_at: float = float("-inf")
    prolonged_at: float = float("-inf")  # when a later expiry was written


class Memory:
    """Sessions by session key. Only keys of existing sessions are added: a visitor's cookie may hold anything."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def of(self, token: str) -> Known | None:
        return self._known.get(token)

    def remember(self, token: str, known: Known) -> None:
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[token] = known

    def discard(self, token: str | None) -> None:
        self._known.pop(token or "", None)

    def forget(self) -> None:
        self._known.clear()


def remember_new(session_id: uuid.UUID, session_key: str | None) -> None:
    """Remember a session that has just begun, so that it needs no query for a while."""
    token = str(session_id) if settings.SESSION_ENGINE == SIGNED_COOKIES else session_key
    if token:
        now = time.monotonic()
        known = Known(str(session_id), began_at=now, touched_at=now, prolonged_at=now)
        memory.here.remember(token, known)


memory = ByTenant(Memory)
