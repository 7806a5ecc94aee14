"""Merges the newest events of both logs into one list, for the live feed and a user's timeline."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q

from analytics.calendar import aware, clock, stored
from analytics.conf import conf
from analytics.filters import Filters
from analytics.panels.people import names_of
from analytics.reports.matching import matching
from analytics.rights import Rights
from tracking.hashes import shortened
from tracking.models import ActivityLog, LoginEvent

# Under filters, only this many of the newest logins are searched: a value that never occurs would cost the whole log.
NEWEST = 50_000
HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Happening:
    """A login or an activity.

    `kind` is "login", "failure" or "activity"; `where` is the device; `detail` is the method and reason of a login, or
    the entity of an activity.
    """

    key: str
    kind: str
    at: dt.datetime
    user_id: Any
    who: str
    what: str
    detail: str
    where: str
    ip_address: str
    country: str = ""
    entity: tuple[str, str] | None = None

    @property
    def time(self) -> str:
        return clock(self.at)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "entity"}


def newest(filters: Filters, rights: Rights) -> list[Happening]:
    """Return the newest events. Filters apply to logins, so a filtered feed has no activities."""
    rows = newest_rows(filters, rights)
    return happenings(rows, names_of(row.user_id for row in rows), most=conf.FEED_ROWS)


def newest_rows(filters: Filters, rights: Rights) -> list[Any]:
    """Return the newest rows of the logs that these rights allow."""
    logins: Any = (
        LoginEvent.objects.order_by("-timestamp", "-id") if rights.logins else LoginEvent.objects.none()
    )
    if filters.active:
        highest = LoginEvent.objects.aggregate(Max("pk"))["pk__max"] or 0
        return list(matching(logins.filter(pk__gt=highest - NEWEST), filters)[: conf.FEED_ROWS])
    activities: Any = ActivityLog.objects.none()
    if rights.activities:
        activities = ActivityLog.objects.order_by("-timestamp", "-id")
    return [*logins[: conf.FEED_ROWS], *activities[: conf.FEED_ROWS]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a timeline ended. Events of the same moment are ordered by log and primary key."""

    at: dt.datetime
    log: int
    pk: int

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Parse a place; None if the text is not one, so that the timeline begins with its first page."""
        moment, _, rest = text.partition("~")
        log, _, pk = rest.partition("~")
        try:
            at = stored(aware(dt.datetime.fromisoformat(moment)).astimezone(dt.UTC))
            return cls(at, int(log), min(int(pk), HIGHEST))
        except (ValueError, OverflowError):
            return None

    def __str__(self) -> str:
        return f"{aware(self.at).isoformat()}~{self.log}~{self.pk}"

    def behind(self, log: int) -> Q:
        """Select the rows of a log that come after this place."""
        same = Q(timestamp=self.at)
        if log == self.log:
            return Q(timestamp__lt=self.at) | (same & Q(pk__lt=self.pk))
        return Q(timestamp__lt=self.at) | (same if log < self.log else Q(pk__in=[]))


def timeline(
    user: Any, *, rights: Rights, after: Place | None, most: int
) -> tuple[list[Happening], Place | None]:
    """Return the events of a user, the latest first, and the place to continue from; None at the end."""
    rows: list[tuple[Place, Any]] = []
    for number, (model, is_visible) in enumerate(
        ((ActivityLog, rights.activities), (LoginEvent, rights.logins))
    ):
        if not is_visible:
            continue
        manager: Any = model._default_manager
        events = manager.of(user.pk)
        if after:
            events = events.filter(after.behind(number))
        rows += [(Place(row.timestamp, number, row.pk), row) for row in events[: most + 1]]
    rows.sort(key=lambda pair: (pair[0].at, pair[0].log, pair[0].pk), reverse=True)
    shown, names = rows[:most], names_of([user.pk])
    return [_happening(row, names) for _, row in shown], shown[-1][0] if len(rows) > most else None


def happenings(rows: Iterable[Any], names: dict[Any, str], *, most: int) -> list[Happening]:
    """Return rows of both logs as one list, the latest first."""
    events = [_happening(row, names) for row in rows]
    return sorted(events, key=lambda event: event.at, reverse=True)[:most]


def _happening(row: Any, names: dict[Any, str]) -> Happening:
    return _login(row, names) if isinstance(row, LoginEvent) else _activity(row, names)


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
        country=row.country,
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
        entity=(row.entity_type, row.entity_id) if row.entity_type and row.entity_id else None,
    )
