"""Sessions, told apart by an id of their own within the session's data; see `UserSession`.

What a process knows of a session it remembers for a while, so that an ordinary request costs no query: that it was
seen a moment ago, and that nobody has ended it.
"""

import datetime as dt
import time
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone

from tracking.bounded import bounded
from tracking.conf import conf
from tracking.health import report_fault
from tracking.keyed import keyed_hash, keyed_hashes
from tracking.models import UserSession
from tracking.store import database, touch

SESSION_ID = "_tracking_session"
SIGNED_COOKIES = "django.contrib.sessions.backends.signed_cookies"
# Sessions that a process remembers. When there are more it forgets them all, and looks at each once more.
MOST_REMEMBERED = 20_000
# How long a session that is none of ours (of a visitor who is not logged in) is left alone.
STRANGER_SECONDS = 600.0


def key_hash(session_key: str) -> str:
    return keyed_hash("session", session_key)


@dataclass(slots=True)
class Known:
    """What this process knows of one session; times are of the monotonic clock."""

    checked_at: float
    touched_at: float = float("-inf")
    is_ours: bool = True
    session_id: str = ""  # where it is known


class Memory:
    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def of(self, token: str) -> Known | None:
        return self._known.get(token)

    def remember(self, token: str, known: Known) -> None:
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[token] = known

    def forget(self) -> None:
        self._known.clear()


def remember_new(session_id: uuid.UUID, session_key: str | None) -> None:
    """A session that has just begun needs no look at the database for a while."""
    token = str(session_id) if settings.SESSION_ENGINE == SIGNED_COOKIES else session_key
    if token:
        now = time.monotonic()
        memory.remember(token, Known(checked_at=now, touched_at=now, session_id=str(session_id)))


def expiry_of(session: Any) -> dt.datetime:
    expiry: dt.datetime = session.get_expiry_date()
    return timezone.make_aware(expiry) if timezone.is_naive(expiry) and settings.USE_TZ else expiry


class Revocations:
    """Sessions that their owner or an administrator has ended, which Django would go on to accept."""

    # Rows may be committed later than their timestamp says: the last look and this one overlap by so much.
    OVERLAP_SECONDS = 60

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.polled_at = self.news_at = float("-inf")
        self._since: Any = None
        self._ended: set[str] = set()

    def expect_news(self) -> None:
        """Look again at the next request of any session, whenever the last look was."""
        self.polled_at = float("-inf")
        self.news_at = time.monotonic()

    def refresh(self) -> None:
        """Look for news, if that was not done a moment ago. One query in `REVOCATION_SECONDS` for each process."""
        if time.monotonic() - self.polled_at < conf.REVOCATION_SECONDS:
            return
        began = timezone.now()
        # Also those that should have expired: a site may prolong a session without telling anybody.
        ended = UserSession.objects.using(database()).filter(end_reason__in=UserSession.REVOKED)
        if self._since is not None:
            ended = ended.filter(ended_at__gt=self._since)
        with bounded(database()):
            rows = list(ended.values_list("id", "key_hash"))
        self._ended |= {str(value) for row in rows for value in row if value}
        self._since = began - dt.timedelta(seconds=self.OVERLAP_SECONDS)
        self.polled_at = time.monotonic()

    def __contains__(self, name: str) -> bool:
        return name in self._ended

    def __bool__(self) -> bool:
        return bool(self._ended)


memory = Memory()
revocations = Revocations()


def token_of(request: HttpRequest) -> str:
    """What tells this request's session from others, without loading it; empty where there is none."""
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        return _peek(getattr(request, "session", None))
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")


def _peek(session: Any) -> str:
    """The session's id within a signed cookie, whose key changes all the time. Reading it costs no query, and must not
    count as access, for that would make every answer vary by cookie."""
    if session is None or not session.session_key:
        return ""
    accessed = session.accessed
    try:
        return str(session.get(SESSION_ID, ""))
    finally:
        session.accessed = accessed


def has_to_be_checked(token: str) -> bool:
    known = memory.of(token)
    if known is None or known.checked_at <= revocations.news_at:
        return True
    return time.monotonic() - known.checked_at >= conf.REVOCATION_SECONDS


def refuse_if_ended(request: HttpRequest, token: str) -> None:
    """Log the request out where its session has been ended elsewhere. Never raises."""
    try:
        if has_to_be_checked(token):
            revocations.refresh()
        if is_revoked(token):
            forget_user(request)
            return
        known = memory.of(token)
        if known is None:
            memory.remember(token, Known(checked_at=time.monotonic()))
        else:
            known.checked_at = time.monotonic()
    except Exception as error:
        report_fault("Looking for ended sessions", error)


def is_revoked(token: str) -> bool:
    """As far as this process knows."""
    if not revocations:
        return False
    known = memory.of(token)
    if token in revocations or (known is not None and known.session_id in revocations):
        return True
    return any(hashed in revocations for hashed in keyed_hashes("session", token))


def forget_user(request: HttpRequest) -> None:
    """As `logout` does, without telling that somebody logged out: it was somebody else who ended this."""
    request.session.flush()
    request.user = AnonymousUser()

    async def auser() -> AnonymousUser:
        return AnonymousUser()

    request.auser = auser


def was_loaded(session: Any) -> bool:
    return session is not None and hasattr(session, "_session_cache")


def session_id_of(session: Any) -> uuid.UUID | None:
    """The id of a session that has been loaded already."""
    if not was_loaded(session):
        return None
    accessed = session.accessed
    try:
        return uuid.UUID(session.get(SESSION_ID))
    except (TypeError, ValueError, AttributeError):
        return None
    finally:
        session.accessed = accessed


def has_to_be_touched(token: str, *, now: float) -> bool:
    known = memory.of(token)
    if known is None:
        return True
    patience = conf.TOUCH_SECONDS if known.is_ours else STRANGER_SECONDS
    return now - known.touched_at >= patience


def note_seen(request: HttpRequest, token: str) -> None:
    """Write that the session was seen, once in `TOUCH_SECONDS`; at once where its key has changed. Never raises."""
    session: Any = getattr(request, "session", None)
    session_id, now = session_id_of(session), time.monotonic()
    key = (session.session_key if was_loaded(session) else None) or token
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        key = str(session_id or token)
    if not key or not has_to_be_touched(key, now=now):
        return
    if was_loaded(session) and session_id is None:
        memory.remember(key, Known(checked_at=now, touched_at=now, is_ours=False))
        return
    try:
        if settings.SESSION_ENGINE == SIGNED_COOKIES:
            is_ours = touch(key, ())
        else:
            prolonged = was_loaded(session) and (session.modified or settings.SESSION_SAVE_EVERY_REQUEST)
            expires_at = expiry_of(session) if prolonged else None
            is_ours = touch(session_id, keyed_hashes("session", key), expires_at=expires_at)
        memory.remember(
            key, Known(now, now, is_ours=is_ours or session_id is not None, session_id=str(session_id or ""))
        )
    except Exception as error:
        # It is tried again, but not by each request.
        memory.remember(key, Known(checked_at=now, touched_at=now))
        report_fault("Noting that a session was seen", error)


class Cleanup:
    """Sessions that have expired are ended by any process, now and then, when it asks the database anyway."""

    def __init__(self) -> None:
        self.next_at = time.monotonic() + conf.CLEANUP_SECONDS

    def run_if_due(self) -> None:
        if time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + conf.CLEANUP_SECONDS
        try:
            with bounded(database()):
                UserSession.objects.using(database()).end_expired()
        except Exception as error:
            report_fault("Ending expired sessions", error)
