"""Reads what belongs to one attack: the alerts that touch each other, and the logins around them.

Logins are those of the alert's account, and those from its network if the network was spraying. Both are read from one
ALERT_WINDOW_MINUTES before the first alert to one after the last, as `tracking.delivery.successes` does for one alert.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from django.db.models import Q

from analytics.panels import addresses
from analytics.panels.people import names_of
from analytics.words import number
from tracking.conf import conf as tracking_conf
from tracking.events import ERROR
from tracking.hashes import shortened
from tracking.models import LoginEvent, SecurityAlert

Kind = SecurityAlert.Kind
# An attack is followed this far from its alert; one that goes on for days has an alert, and a page, in each window.
FARTHEST = dt.timedelta(days=1)
# Where reading stops; the page says so.
MOST_ALERTS, MOST_FAILURES, MOST_SUCCESSES = 50, 10_000, 1_000
MOST_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Tried:
    """A name or an address, with its logins. `user_id` is the user with that name, if there is one."""

    text: str
    failures: int
    successes: int
    user_id: Any = None

    @property
    def failures_text(self) -> str:
        return number(self.failures)

    @property
    def successes_text(self) -> str:
        return number(self.successes)


@dataclass(frozen=True, slots=True)
class Entry:
    """A login that succeeded. `was_tried`: its name failed before in the same attack."""

    at: dt.datetime
    user_id: Any
    who: str
    ip_address: str
    was_tried: bool


@dataclass(frozen=True, slots=True)
class Incident:
    """An attack. `network` is "" if the logins are of an account alone.

    `names` and `addresses` are the most frequent, existing accounts first. `names_tried` and `addresses_tried` count
    all. `failed_at` has the moment of each failure. `is_complete` is False if there were more failures than were read.
    """

    alerts: tuple[SecurityAlert, ...]
    network: str
    failed_at: tuple[dt.datetime, ...]
    entries: tuple[Entry, ...]
    names: tuple[Tried, ...]
    names_tried: int
    addresses: tuple[Tried, ...]
    addresses_tried: int
    is_complete: bool

    @property
    def failures(self) -> int:
        return len(self.failed_at)

    @property
    def has_all_entries(self) -> bool:
        return len(self.entries) < MOST_SUCCESSES

    @property
    def moments(self) -> list[dt.datetime]:
        return sorted([*self.failed_at, *(entry.at for entry in self.entries)])


Row = tuple[dt.datetime, Any, str, str | None]


def incident(alert: SecurityAlert) -> Incident:
    alerts = _touching(alert)
    network = _network(alert, alerts)
    failed, succeeded = _logins(alert, alerts, network)
    users = names_of(user_id for _, user_id, _, _ in [*failed, *succeeded])
    tried = {_key(row) for row in failed}
    names = _counted((_key(row) for row in failed), (_key(row) for row in succeeded))
    origins = _counted((row[3] or "" for row in failed), (row[3] or "" for row in succeeded))
    return Incident(
        alerts=tuple(alerts),
        network=addresses.name_of(network) if network else "",
        failed_at=tuple(row[0] for row in failed),
        entries=tuple(
            Entry(
                at,
                user_id if user_id in users else None,
                users.get(user_id) or shortened(name) or "—",
                ip or "",
                _key(row) in tried,
            )
            for row in succeeded
            for at, user_id, name, ip in [row]
        ),
        names=_names(names, users),
        names_tried=len(tried),
        addresses=tuple(Tried(text, *counts) for text, counts in origins if text)[:MOST_SHOWN],
        addresses_tried=len({row[3] for row in failed if row[3]}),
        is_complete=len(failed) < MOST_FAILURES,
    )


def window() -> dt.timedelta:
    return dt.timedelta(minutes=tracking_conf.ALERT_WINDOW_MINUTES)


def _touching(alert: SecurityAlert) -> list[SecurityAlert]:
    """Return the alerts of the same account or network whose windows touch one another, the earliest first."""
    alike = SecurityAlert.objects.filter(_same_subject(alert)).exclude(pk=alert.pk)
    at = alert.timestamp
    later = alike.filter(timestamp__gte=at, timestamp__lte=at + FARTHEST).order_by("timestamp", "id")
    earlier = alike.filter(timestamp__lt=at, timestamp__gte=at - FARTHEST).order_by("-timestamp", "-id")
    chain = [*reversed(_chain(alert, earlier[:MOST_ALERTS])), alert, *_chain(alert, later[:MOST_ALERTS])]
    return sorted(chain, key=lambda each: (each.timestamp, each.pk))


def _chain(alert: SecurityAlert, others: Iterable[SecurityAlert]) -> list[SecurityAlert]:
    """Return the others up to the first gap. The window of each reaches from one before it to one after it."""
    last = alert.timestamp

    def touches(other: SecurityAlert) -> bool:
        nonlocal last
        is_near = abs(other.timestamp - last) <= 2 * window()
        last = other.timestamp
        return is_near

    return list(takewhile(touches, others))


def _same_subject(alert: SecurityAlert) -> Q:
    condition = Q(pk=alert.pk)
    if alert.kind != Kind.SPRAYING and alert.identifier:
        condition |= Q(identifier=alert.identifier)
    if network := _network_of(alert):
        condition |= _from(network)
    return condition


def _network(alert: SecurityAlert, alerts: Iterable[SecurityAlert]) -> addresses.Network | None:
    """Return the network whose logins belong to the attack.

    The network of an account's alert may be that of a company: its logins belong to it only if it was spraying.
    """
    is_spraying = any(each.kind == Kind.SPRAYING for each in alerts)
    return _network_of(alert) if is_spraying or not alert.identifier else None


def _network_of(alert: SecurityAlert) -> addresses.Network | None:
    address = addresses.parse(alert.ip_address or "")
    return address and (addresses.around(address) or address)


def _from(network: addresses.Network) -> Q:
    if addresses.is_single(network):
        return Q(ip_address=str(network.network_address))
    return Q(ip_address__gte=str(network[0]), ip_address__lte=str(network[-1]))


def _logins(
    alert: SecurityAlert, alerts: list[SecurityAlert], network: addresses.Network | None
) -> tuple[list[Row], list[Row]]:
    """Return the failures and the successes, the earliest first."""
    start, end = alerts[0].timestamp - window(), alerts[-1].timestamp + window()
    rows: Any = LoginEvent.objects.filter(timestamp__gte=start, timestamp__lte=end).order_by(
        "timestamp", "id"
    )
    of_network = _from(network) if network else Q(pk=None)
    of_account = of_user = Q(pk=None)
    if alert.kind != Kind.SPRAYING:
        of_account = Q(identifier=alert.identifier) if alert.identifier else of_account
        of_user = Q(user=alert.user_id) if alert.user_id is not None else of_user
    columns = ("timestamp", "user", "identifier", "ip_address")
    failed = rows.filter(of_network | of_account, success=False).exclude(failure_reason=ERROR)
    succeeded = rows.filter(of_network | of_account | of_user, success=True)
    return list(failed.values_list(*columns)[:MOST_FAILURES]), list(
        succeeded.values_list(*columns)[:MOST_SUCCESSES]
    )


def _key(row: Row) -> tuple[Any, str]:
    """Return what a login is counted by: a user has the same key under every name."""
    _, user_id, name, _ = row
    return (user_id, "") if user_id is not None else (None, name)


def _counted(failed: Iterable[Any], succeeded: Iterable[Any]) -> list[tuple[Any, tuple[int, int]]]:
    """Count by key, the most frequent first."""
    failures, successes = Counter(failed), Counter(succeeded)
    both = failures + successes
    return [(key, (failures[key], successes[key])) for key, _ in both.most_common()]


def _names(counted: list[tuple[Any, tuple[int, int]]], users: dict[Any, str]) -> tuple[Tried, ...]:
    """Return the names that were tried, those of existing accounts first."""
    tried = [(key, counts) for key, counts in counted if counts[0]]
    tried.sort(key=lambda pair: pair[0][0] not in users)
    return tuple(
        Tried(
            users.get(user_id) or shortened(name) or "—",
            *counts,
            user_id=user_id if user_id in users else None,
        )
        for (user_id, name), counts in tried[:MOST_SHOWN]
    )
