"""Reads the sessions that are open now."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils import timezone

from analytics.calendar import clock
from analytics.conf import conf
from analytics.panels.people import names_of
from tracking.conf import conf as tracking_conf
from tracking.models import UserSession

ONLINE_MINUTES = 5
# Counting stops here, because it reads each of them.
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class OpenSession:
    id: uuid.UUID
    user_id: Any
    who: str
    method: str
    where: str
    ip_address: str
    started_at: dt.datetime
    last_seen_at: dt.datetime

    @property
    def began(self) -> str:
        return clock(self.started_at)

    @property
    def last_seen(self) -> str:
        return clock(self.last_seen_at)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def count_open(newest: Sequence[Any]) -> int:
    """Count the open sessions, up to MOST_COUNTED. Needs no query if `newest`, of `newest_rows`, are all of them."""
    return len(newest) if len(newest) < conf.LIST_ROWS else count_all_open()


def count_all_open() -> int:
    """Count the open sessions, up to MOST_COUNTED."""
    return int(UserSession.objects.open().order_by()[:MOST_COUNTED].count())


def count_online() -> int:
    """Count the people who were seen in the last ONLINE_MINUTES. Tracking notes that only once in TOUCH_SECONDS.

    Reads all open sessions, because no index has the time, which would cost each touch an entry.
    """
    since = timezone.now() - dt.timedelta(minutes=ONLINE_MINUTES, seconds=tracking_conf.TOUCH_SECONDS)
    seen = UserSession.objects.open().filter(last_seen_at__gte=since)
    return int(seen.aggregate(people=Count("user", distinct=True))["people"])


def newest_rows() -> list[UserSession]:
    """Return the open sessions that began last."""
    return list(UserSession.objects.open().order_by("-started_at", "-id")[: conf.LIST_ROWS])


def newest_sessions() -> list[OpenSession]:
    rows = newest_rows()
    return described(rows, names_of(row.user_id for row in rows))


def sessions_of(user: Any) -> list[OpenSession]:
    return described(UserSession.objects.open().of(user.pk)[: conf.LIST_ROWS], names_of([user.pk]))


def described(rows: Iterable[UserSession], names: dict[Any, str]) -> list[OpenSession]:
    return [
        OpenSession(
            id=row.pk,
            user_id=row.user_id if row.user_id in names else None,
            who=names.get(row.user_id, ""),
            method=row.login_method,
            where=" · ".join(filter(None, (row.browser, row.os, row.device_type))),
            ip_address=row.ip_address or "",
            started_at=row.started_at,
            last_seen_at=row.last_seen_at,
        )
        for row in rows
    ]
