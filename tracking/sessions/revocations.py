"""Signs out sessions that were ended elsewhere, on every process, without a query per request."""

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
from tracking.tenancy import ByTenant


class Revocations:
    """Remembers the sessions that their owner or an administrator has ended, which Django would still accept.

    Every process queries them once in `REVOCATION_SECONDS`. The interval belongs to the process and not to a session:
    however often a session makes requests, it is refused within that time.
    """

    # Each query reads this far back before the last one: rows may be committed later than their timestamp says, and
    # the clocks of machines differ.
    OVERLAP = dt.timedelta(minutes=10)
    # A site may prolong a session without any signal, so an end is remembered past the session's last known expiry.
    MARGIN = dt.timedelta(days=1)
    # The pause after a fault of the database.
    RETRY_SECONDS = 1.0

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self.polled_at = self.news_at = self.retry_at = float("-inf")
        self._since: dt.datetime | None = None
        self._until: dict[str, dt.datetime] = {}  # when the session would have expired

    @property
    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.retry_at:
            return False
        return self.polled_at <= self.news_at or now - self.polled_at >= conf.REVOCATION_SECONDS

    def refresh(self) -> None:
        """Query newly ended sessions if it is time. One thread makes the query; the others wait for its result."""
        with self._looking:
            if not self.is_due:
                return
            # Taken before the query: what is committed or announced while it runs is left to the next one.
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
            Q(end_reason__in=UserSession.REVOKED) | Q(acting_as__isnull=False),
            ended_at__isnull=False,
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


revocations = ByTenant(Revocations)


def expect_news(**_: Any) -> None:
    """Query again at the next request, however recent the last query. A receiver of `sessions_revoked`."""
    revocations.here.news_at = time.monotonic()


def has_to_be_checked(token: str) -> bool:
    """Tell whether ended sessions have to be queried before this session is accepted."""
    known = memory.here.of(token)
    is_new = (
        known is not None
        and known.began_at > revocations.here.news_at
        and time.monotonic() - known.began_at < conf.REVOCATION_SECONDS
    )
    return not is_new and revocations.here.is_due


def refuse_if_ended(request: HttpRequest, token: str) -> None:
    """Sign the request out if its session was ended elsewhere. Never raises."""
    try:
        if has_to_be_checked(token):
            revocations.here.refresh()
    except Exception as error:
        report_fault("Looking for ended sessions", error)
    try:
        if is_revoked(token):
            forget_user(request)
    except Exception as error:
        report_fault("Refusing an ended session", error)


def is_revoked(token: str) -> bool:
    """Tell whether the session was ended, as far as this process knows."""
    ended = revocations.here
    if not ended:
        return False
    known = memory.here.of(token)
    if token in ended or (known is not None and known.session_id in ended):
        return True
    return any(hashed in ended for hashed in keyed_hashes("session", token))


def forget_user(request: HttpRequest) -> None:
    """Do what `logout` does, without its signal: the user did not log out, somebody else ended the session."""
    request.session.flush()
    request.user = AnonymousUser()

    async def auser() -> AnonymousUser:
        return AnonymousUser()

    request.auser = auser
