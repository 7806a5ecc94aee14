"""Sessions, told apart by an id of their own within the session's data; see `UserSession`.

A process remembers for a while which sessions it has seen and which ones were ended, so that an ordinary request costs
no query.
"""

import datetime as dt
import threading
import time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from tracking.conf import conf
from tracking.hashes import keyed_hashes
from tracking.health import report_fault
from tracking.models import UserSession, database
from tracking.sessions.memory import memory
from tracking.storage.bounded import bounded


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

    def expect_news(self, **_: Any) -> None:
        """Look again at the next request, whenever the last look was. A receiver of `sessions_revoked`."""
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


revocations = Revocations()


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
