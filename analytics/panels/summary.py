"""Summarizes a user: the account, when they were seen, their devices and networks, and alerts that are open."""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from analytics.calendar import aware, clock
from analytics.panels import addresses
from analytics.panels.accounts import columns
from analytics.panels.security import Alert, alerts_of
from analytics.panels.sessions import OpenSession
from analytics.reports.read import Moved, between_steps
from analytics.reports.tail import users_behind
from analytics.rights import Rights
from analytics.rollups.positions import positions
from analytics.rollups.users import Seen, seen_of
from analytics.words import number
from tracking.models import LoginEvent, SecurityAlert
from tracking.words import text_of

# The newest logins of the user in which devices and networks are looked for.
NEWEST = 1_000
SHOWN = 10
MOST_ALERTS = 100
ALERTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Used:
    """A device or a network that the user logged in with: when last, and how often among the newest logins."""

    parts: tuple[str, ...]
    last_at: dt.datetime
    logins: int

    @property
    def last(self) -> str:
        return clock(self.last_at)

    @property
    def text(self) -> str:
        return self.parts[0]

    @property
    def described(self) -> str:
        return " · ".join(map(text_of, self.parts))

    @property
    def logins_text(self) -> str:
        return number(self.logins)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the reader may see of a user; None or () is what they may not.

    first, last        when the user was first and last seen; "—" if never
    logins             successful ones, those that retention has deleted included
    devices, networks  the latest first, at most SHOWN. They are looked for in the newest NEWEST logins; `is_bounded`
                       tells that there are more
    alerts             the latest of those that nobody has resolved or muted; `alert_count` is their number, at most
                       MOST_ALERTS
    """

    first: str
    last: str
    logins: int | None
    devices: tuple[Used, ...] | None
    networks: tuple[Used, ...] | None
    is_bounded: bool
    alerts: tuple[Alert, ...]
    alert_count: int | None

    @property
    def logins_text(self) -> str:
        return number(self.logins or 0)

    @property
    def alerts_text(self) -> str:
        count = self.alert_count or 0
        return f"≥ {number(count)}" if count >= MOST_ALERTS else number(count)


def summary(user: Any, rights: Rights, sessions: Iterable[OpenSession]) -> Summary:
    """Return the summary, with a handful of queries. `sessions` are the open ones that the reader may see."""
    seen = logged_in(user) if rights.logins else None
    rows = _newest(user) if rights.logins else []
    moments = [session.last_seen_at for session in sessions] + ([seen.last_at] if seen else [])
    last_at = max(moments, key=aware, default=None)
    alerts: list[SecurityAlert] = []
    if rights.alerts:
        pending = SecurityAlert.objects.pending().filter(user=user.pk)
        alerts = list(pending.order_by("-timestamp")[:MOST_ALERTS])
    return Summary(
        first=clock(seen.first_at) if seen else "—",
        last=clock(last_at) if last_at else "—",
        logins=(seen.logins if seen else 0) if rights.logins else None,
        devices=_used(rows, _device) if rights.logins else None,
        networks=_used(rows, _network) if rights.logins else None,
        is_bounded=len(rows) == NEWEST,
        alerts=alerts_of(alerts[:ALERTS_SHOWN]),
        alert_count=len(alerts) if rights.alerts else None,
    )


def logged_in(user: Any) -> Seen | None:
    """Return the successful logins of a user up to the last commit; None if there are none."""

    def read() -> Seen | None:
        behind = users_behind()
        stored = seen_of([user.pk]).get(user.pk)
        if positions().users != behind.position:
            raise Moved
        later = behind.seen.get(user.pk)
        return later.with_(stored) if later else stored

    return between_steps(read)


def account_of(user: Any) -> dict[str, Any]:
    """Return what the user model has of the account: email, joined, active, staff."""
    fields = {field.name for field in user._meta.concrete_fields}
    names = columns()
    flags = {"active": "is_active", "staff": "is_staff"}
    account = {name: getattr(user, field) for name, field in flags.items() if field in fields}
    if "email" in names:
        account["email"] = getattr(user, names["email"])
    if "joined" in names:
        account["joined"] = clock(getattr(user, names["joined"]))
    return account


def _newest(user: Any) -> list[tuple[Any, ...]]:
    names = ("timestamp", "success", "browser", "os", "device_type", "ip_address")
    rows: Any = LoginEvent.objects.of(user.pk).values_list(*names)
    return list(rows[:NEWEST])


def _used(rows: list[tuple[Any, ...]], key_of: Any) -> tuple[Used, ...]:
    """Return the keys of the successful logins, the latest first; others may have failed with this name."""
    found: dict[tuple[str, ...], Used] = {}
    for moment, success, *values in rows:
        key = key_of(*values) if success else ()
        if key:
            before = found.get(key)
            found[key] = Used(key, before.last_at if before else moment, before.logins + 1 if before else 1)
    return tuple(found.values())[:SHOWN]


def _device(browser: str, os: str, device_type: str, _address: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (browser, os, device_type)))


def _network(_browser: str, _os: str, _device_type: str, address: str | None) -> tuple[str, ...]:
    """Return the network as the pages of addresses show it: /24 or /64, or a single address without PostgreSQL."""
    if not address:
        return ()
    single = ipaddress.ip_network(address)
    return (addresses.name_of(addresses.around(single) or single),)
