"""Sessions, told apart by an id of their own within the session's data; see `UserSession`.

A process remembers for a while which sessions it has seen and which ones were ended, so that an ordinary request costs
no query.
"""

import datetime as dt
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from tracking.conf import conf
from tracking.hashes import keyed_hash, keyed_hashes
from tracking.health import report_fault
from tracking.models import UserSession
from tracking.storage.bounded import bounded
from tracking.storage.rows import database, touch

SESSION_ID = "_tracking_session"
SIGNED_COOKIES = "django.contrib.sessions.backends.signed_cookies"
# Sessions that a process remembers. When there are more it forgets them all, and looks at each once more.
MOST_REMEMBERED = 20_000


def key_hash(session_key: str) -> str:
    return keyed_hash("session", session_key)


@dataclass(slots=True)
class Known:
    """A session with a row of ours, as this process has seen it; times are of the monotonic clock."""

    session_id: str
    began_at: float = float("-inf")  # when this process made it
    touched_at: float = float("-inf")
    prolonged_at: float = float("-inf")  # when a new end of it was written


class Memory:
    """By session key. Only keys of sessions that exist get in: a visitor's cookie may hold anything."""

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
        known = Known(str(session_id), began_at=now, touched_at=now, prolonged_at=now)
        memory.remember(token, known)


def expiry_of(session: Any) -> dt.datetime:
    expiry: dt.datetime = session.get_expiry_date()
    return timezone.make_aware(expiry) if timezone.is_naive(expiry) and settings.USE_TZ else expiry


class Revocations:
    """Sessions that their owner or an administrator has ended, which Django would go on to accept.

    Every process asks for news once in `REVOCATION_SECONDS`, on the clock of the process and not of a session: however
    often a session asks, it is refused within that time.
    """

    # Rows may be committed later than their timestamp says, and clocks of machines differ: looks overlap by so much.
    OVERLAP = dt.timedelta(minutes=10)
    # A site may prolong a session without telling anybody, so an end outlives the session's last known expiry.
    MARGIN = dt.timedelta(days=1)
    # After a fault of the database.
    RETRY_SECONDS = 1.0

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self.polled_at = self.news_at = self.retry_at = float("-inf")
        self._since: dt.datetime | None = None
        self._until: dict[str, dt.datetime] = {}  # when the session would have ended by itself

    def expect_news(self) -> None:
        """Look again at the next request of any session, whenever the last look was."""
        self.news_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.retry_at:
            return False
        return self.polled_at <= self.news_at or now - self.polled_at >= conf.REVOCATION_SECONDS

    def refresh(self) -> None:
        """Look for news if it is time to: one query, by one thread while the others wait for what it finds."""
        with self._looking:
            if not self.is_due:
                return
            # Before the query: what is committed, or expected, while it runs is news for the next one.
            began, now = time.monotonic(), timezone.now()
            try:
                self._until |= self._ended_since(now)
            except Exception:
                self.retry_at = time.monotonic() + self.RETRY_SECONDS
                raise
            self._since, self.polled_at = now - self.OVERLAP, began
            if any(until < now for until in self._until.values()):
                self._until = {name: until for name, until in self._until.items() if until >= now}

    def _ended_since(self, now: dt.datetime) -> dict[str, dt.datetime]:
        longest = dt.timedelta(seconds=settings.SESSION_COOKIE_AGE) + self.MARGIN
        ended = UserSession.objects.using(database()).filter(
            Q(expires_at__gt=now - self.MARGIN) | Q(ended_at__gt=now - longest),
            end_reason__in=UserSession.REVOKED,
        )
        if self._since is not None:
            ended = ended.filter(ended_at__gt=self._since)
        with bounded(database()):
            rows: list[Any] = list(ended.values_list("id", "key_hash", "expires_at", "ended_at"))
        return {
            str(name): max(expires_at + self.MARGIN, ended_at + longest)
            for session_id, key_hash, expires_at, ended_at in rows
            for name in (session_id, key_hash)
            if name
        }

    def __contains__(self, name: str) -> bool:
        return name in self._until

    def __bool__(self) -> bool:
        return bool(self._until)


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
    """Whether the database has to be asked for ended sessions before this session is let through."""
    known = memory.of(token)
    is_new = (
        known is not None
        and known.began_at > revocations.news_at
        and time.monotonic() - known.began_at < conf.REVOCATION_SECONDS
    )
    return not is_new and revocations.is_due


def refuse_if_ended(request: HttpRequest, token: str) -> None:
    """Log the request out where its session has been ended elsewhere. Never raises."""
    try:
        if has_to_be_checked(token):
            revocations.refresh()
    except Exception as error:
        report_fault("Looking for ended sessions", error)
    try:
        if is_revoked(token):
            forget_user(request)
    except Exception as error:
        report_fault("Refusing an ended session", error)


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


def peek(session: Any, name: str) -> Any:
    """A value of a session, or None where the session has not been loaded: it costs no query, and does not count as
    access, which would make the answer vary by cookie."""
    if not was_loaded(session):
        return None
    accessed = session.accessed
    try:
        return session.get(name)
    finally:
        session.accessed = accessed


def session_id_of(session: Any) -> uuid.UUID | None:
    """The id of a session that has been loaded already."""
    try:
        return uuid.UUID(peek(session, SESSION_ID))
    except (TypeError, ValueError, AttributeError):
        return None


def was_just_given_to(session: Any, user: Any) -> bool:
    """Whether `login()` has put the user into this session. An API that gives out a token sends the same signal, and
    has nobody's session, or one that was merely read."""
    if user is None or not was_loaded(session) or not session.modified:
        return False
    return bool(peek(session, SESSION_KEY) == user._meta.pk.value_to_string(user))


def has_to_be_touched(request: HttpRequest, token: str) -> bool:
    """Whether it is time to write that the session was seen: of one that was loaded, or is known to be ours.

    A cookie alone proves nothing. Without this a flood of invented ones would be a flood of updates.
    """
    session: Any = getattr(request, "session", None)
    known = memory.of(_key_of(session, token))
    if known is None:
        return session_id_of(session) is not None
    written_at = known.prolonged_at if is_prolonged(session) else known.touched_at
    return time.monotonic() - written_at >= conf.TOUCH_SECONDS


def is_prolonged(session: Any) -> bool:
    """Whether Django saves the session at the end of this request, and with it a later end."""
    return was_loaded(session) and bool(session.modified or settings.SESSION_SAVE_EVERY_REQUEST)


def note_seen(request: HttpRequest, token: str) -> None:
    """Write that the session was seen, once in `TOUCH_SECONDS`; at once where its key has changed. Never raises."""
    if not has_to_be_touched(request, token):
        return
    session: Any = getattr(request, "session", None)
    key = _key_of(session, token)
    known = memory.of(key)
    session_id = str(session_id_of(session) or (known.session_id if known else ""))
    now, prolonged = time.monotonic(), is_prolonged(session)
    before = known.prolonged_at if known else float("-inf")
    # Also after a fault: it is tried again, but not by each request.
    memory.remember(key, Known(session_id, touched_at=now, prolonged_at=now if prolonged else before))
    try:
        touch(
            session_id,
            key_hash="" if settings.SESSION_ENGINE == SIGNED_COOKIES else key_hash(key),
            expires_at=expiry_of(session) if prolonged else None,
        )
    except Exception as error:
        report_fault("Noting that a session was seen", error)


def _key_of(session: Any, token: str) -> str:
    """The session's key at the end of the request, which may be another than at its beginning."""
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        return str(session_id_of(session) or token)
    return str((session.session_key if was_loaded(session) else None) or token)


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
