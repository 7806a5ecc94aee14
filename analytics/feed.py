"""The newest events of both logs, in one list: what the live feed and a user's timeline show."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q

from analytics.calendar import clock
from analytics.conf import conf
from analytics.filters import Filters
from analytics.logs import LOGINS
from analytics.people import names_of
from tracking.keyed import MARK
from tracking.models import ActivityLog, LoginEvent

# Under filters, the newest are looked for among so many events: one that is never met would cost the whole log.
NEWEST = 50_000


@dataclass(frozen=True, slots=True)
class Happening:
    """A login or an activity. `kind` is "login", "failure" or "activity"; `where` the device, `detail` the method and
    reason of a login or the thing that an activity was about."""

    key: str
    kind: str
    at: dt.datetime
    user_id: Any
    who: str
    what: str
    detail: str
    where: str
    ip_address: str

    @property
    def time(self) -> str:
        return clock(self.at)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def newest(filters: Filters) -> list[Happening]:
    """Filters are about logins: under them there are no activities in the feed."""
    rows = newest_rows(filters)
    return happenings(rows, names_of(row.user_id for row in rows), most=conf.FEED_ROWS)


def newest_rows(filters: Filters) -> list[Any]:
    logins: Any = LoginEvent.objects.order_by("-timestamp", "-id")
    if filters.active:
        highest = LoginEvent.objects.aggregate(Max("pk"))["pk__max"] or 0
        logins = logins.filter(pk__gt=highest - NEWEST, **columns_of(filters))
        return list(logins[: conf.FEED_ROWS])
    activities: Any = ActivityLog.objects.order_by("-timestamp", "-id")
    return [*logins[: conf.FEED_ROWS], *activities[: conf.FEED_ROWS]]


def timeline(
    user: Any, *, before: dt.datetime | None, most: int
) -> tuple[list[Happening], dt.datetime | None]:
    """What a user did, newest first, and where to go on: None at the end. Events of one moment stay together."""
    logs: Any = (LoginEvent.objects.of(user.pk), ActivityLog.objects.of(user.pk))
    names = names_of([user.pk])
    older = Q() if before is None else Q(timestamp__lt=before)
    rows = [row for log in logs for row in log.filter(older)[: most + 1]]
    found = happenings(rows, names, most=most + 1)
    if len(found) <= most:
        return found, None
    moment = found[most - 1].at
    together = [row for log in logs for row in log.filter(timestamp=moment)[:most]]
    later = [event for event in found if event.at > moment]
    return later + happenings(together, names, most=2 * most), moment


def columns_of(filters: Filters) -> dict[str, Any]:
    """The filters by the columns of the log."""
    return {
        "success" if name == "outcome" else LOGINS.dimensions[name]: value
        for name, value in filters.wanted.items()
    }


def happenings(rows: Iterable[Any], names: dict[Any, str], *, most: int) -> list[Happening]:
    """Rows of both logs as one list, newest first."""
    told = [_login(row, names) if isinstance(row, LoginEvent) else _activity(row, names) for row in rows]
    return sorted(told, key=lambda event: event.at, reverse=True)[:most]


def _login(row: LoginEvent, names: dict[Any, str]) -> Happening:
    return Happening(
        key=f"login-{row.pk}",
        kind="login" if row.success else "failure",
        at=row.timestamp,
        user_id=row.user_id if row.user_id in names else None,
        who=names.get(row.user_id) or shortened(row.identifier),
        what="logged in" if row.success else "was refused",
        detail=" · ".join(filter(None, (row.login_method, row.failure_reason))),
        where=" · ".join(filter(None, (row.browser, row.os, row.device_type))),
        ip_address=row.ip_address or "",
    )


def _activity(row: ActivityLog, names: dict[Any, str]) -> Happening:
    return Happening(
        key=f"activity-{row.pk}",
        kind="activity",
        at=row.timestamp,
        user_id=row.user_id if row.user_id in names else None,
        who=names.get(row.user_id, ""),
        what=row.action,
        detail=f"{row.entity_type} {row.entity_id}".strip(),
        where="",
        ip_address="",
    )


def shortened(identifier: str) -> str:
    """A keyed hash stands for what was entered and is no user's name; its beginning tells it from others."""
    return f"{identifier[: len(MARK) + 8]}…" if identifier.startswith(MARK) else identifier
