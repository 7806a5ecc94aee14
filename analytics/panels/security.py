"""Reads the security alerts of a period, and the addresses that failures come from."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, F, OuterRef

from analytics.calendar import clock, midnight, stored
from analytics.conf import conf, zone, zone_name
from analytics.panels import addresses
from analytics.panels.people import names_of
from analytics.period import DAY, Period
from analytics.reports.cached import cached
from analytics.rights import Rights
from analytics.words import number
from tracking.conf import conf as tracking_conf
from tracking.events import ERROR
from tracking.hashes import shortened
from tracking.models import LoginEvent, SecurityAlert
from tracking.words import evidence_text

Kind = SecurityAlert.Kind
# Alerts about guessed passwords.
ATTACKS = (Kind.FAILURE_BURST, Kind.SPRAYING)
# Each group is read by itself: many new devices must not push an attack out of sight, nor many attacks an entry.
GROUPS = (
    (Kind.SUCCESS_AFTER_BURST, Kind.REPORTED), (Kind.IMPOSSIBLE_TRAVEL,),
    ATTACKS, (Kind.NEW_COUNTRY,), (Kind.NEW_DEVICE,),
)  # fmt: skip
# The groups of which somebody may have got in.
ENTRIES = GROUPS[:2]
# Only this many alerts and failures of a period are read; during an attack there may be a million.
NEWEST = 500
MOST_SOURCES = MOST_NEW = 5


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. `about` is the account or the network; `facts` is its evidence.

    `signs` counts what speaks against the owner of the account; `session` is the session that the login began. Both are
    known only of alerts that somebody may have got in.
    """

    id: int
    kind: str
    at: dt.datetime
    user_id: Any
    about: str
    ip_address: str
    facts: dict[str, Any]
    signs: int = 0
    session: str = ""

    @property
    def time(self) -> str:
        return clock(self.at)

    @property
    def title(self) -> str:
        return title_of(self.kind)

    @property
    def severity(self) -> str:
        return SecurityAlert(kind=self.kind).severity.value

    @property
    def evidence(self) -> str:
        return evidence_text(self.facts)


@dataclass(frozen=True, slots=True)
class Source:
    """An address, with the number of newest failures from it, and of names that they tried."""

    ip_address: str
    failures: int
    names: int


@dataclass(frozen=True, slots=True)
class Security:
    """The panel, of alerts that nobody has resolved or muted. `counted` has their number by kind.

    At most NEWEST are read of each of GROUPS; `is_full` tells of which kinds
    there may be more.

    `entered` are the logins that succeeded from the network of the latest attack (its address without PostgreSQL), from
    one ALERT_WINDOW_MINUTES before it was noticed to one after; None if its address is not known.
    """

    alerts: tuple[Alert, ...]
    counted: dict[str, int]
    sources: tuple[Source, ...]
    entered: int | None = None

    @property
    def kinds(self) -> dict[str, str]:
        return {title_of(kind): self.number_of(kind) for kind in self.counted}

    def number_of(self, *kinds: str) -> str:
        """Return how many alerts of these kinds there are, "≥ 500" if there may be more."""
        least = "≥ " if any(self.is_full(kind) for kind in kinds) else ""
        return least + number(sum(self.counted.get(kind, 0) for kind in kinds))

    def is_full(self, kind: str) -> bool:
        group = next((group for group in GROUPS if kind in group), ())
        return sum(self.counted.get(each, 0) for each in group) >= NEWEST


def title_of(kind: str) -> str:
    """Return the name of a kind in the language of the reader; readers of one cached panel have several."""
    return str(SecurityAlert.Kind(kind).label) if kind in SecurityAlert.Kind else kind


def security(period: Period) -> Security:
    """Return the panel of a period, from a cache of REFRESH_SECONDS."""
    return cached(
        f"security:{period.first}:{period.last}:{zone_name()}",
        lambda: _read(period),
        _unpacked,
        conf.REFRESH_SECONDS,
    )


def visible_security(panel: Security, rights: Rights) -> Security | None:
    """Return the part of the panel that these rights allow; None if they allow nothing."""
    if not (rights.alerts or rights.logins):
        return None
    alerts = panel.alerts if rights.people else tuple(replace(alert, user_id=None) for alert in panel.alerts)
    return Security(
        alerts if rights.alerts else (),
        panel.counted if rights.alerts else {},
        panel.sources if rights.logins else (),
        panel.entered if rights.logins else None,
    )


def alerts_of(rows: Sequence[SecurityAlert]) -> tuple[Alert, ...]:
    names = names_of(row.user_id for row in rows)
    return tuple(_alert_from(_alert(row, names)) for row in rows)


def _unpacked(data: dict[str, Any]) -> Security:
    sources = tuple(Source(*values) for values in data["sources"])
    return Security(tuple(map(_alert_from, data["alerts"])), data["kinds"], sources, data["entered"])


def _alert_from(values: list[Any]) -> Alert:
    key, kind, at, *rest = values
    return Alert(key, kind, dt.datetime.fromisoformat(at), *rest)


def _read(period: Period) -> dict[str, Any]:
    pending = SecurityAlert.objects.pending()
    newest = _within(pending.order_by("-timestamp", "-id"), period)
    groups = [list(_told_apart(newest, group)[:NEWEST]) for group in GROUPS]
    entries, travels, attacks, countries, devices = groups
    counted = Counter(row.kind for group in groups for row in group)
    shown = (
        [*_most_telling(entries), *_most_telling(travels), *attacks][: conf.LIST_ROWS]
        + countries[:MOST_NEW]
        + devices[:MOST_NEW]
    )
    names = names_of(row.user_id for row in shown)
    return {
        "alerts": [_alert(row, names) for row in shown],
        "kinds": dict(counted.most_common()),
        "sources": _sources(period),
        "entered": _entered(attacks[0]) if attacks else None,
    }


def _told_apart(newest: Any, group: tuple[str, ...]) -> Any:
    """Return the alerts of a group; where somebody may have got in, with what tells an attacker from the owner."""
    rows = newest.filter(kind__in=group)
    if group not in ENTRIES:
        return rows
    since = OuterRef("timestamp") - dt.timedelta(minutes=tracking_conf.ALERT_WINDOW_MINUTES)
    failures = LoginEvent.objects.filter(
        success=False,
        ip_address=OuterRef("ip_address"),
        identifier=OuterRef("identifier"),
        timestamp__gte=since,
        timestamp__lte=OuterRef("timestamp"),
    ).exclude(failure_reason=ERROR)
    return rows.annotate(has_failed=Exists(failures), session_id=F("event__session"))


def _most_telling(rows: list[SecurityAlert]) -> list[SecurityAlert]:
    """Return as many as the panel has room for, the newest first; the ones with the fewest signs are left out."""
    kept = sorted(rows, key=_signs, reverse=True)[: conf.LIST_ROWS]
    return sorted(kept, key=lambda row: (row.timestamp, row.pk), reverse=True)


def _signs(row: SecurityAlert) -> int:
    """Count what speaks against the owner: an address that failed before, a new country, a new device, a journey."""
    facts = row.evidence if isinstance(row.evidence, dict) else {}
    also = facts.get("also")
    signs = {str(kind) for kind in also} if isinstance(also, list) else set()
    if facts.get("country_known") in (False, 0):  # None: no country of this user is known
        signs.add(Kind.NEW_COUNTRY)
    if facts.get("logged_in_before") and not facts.get("device_known"):
        signs.add(Kind.NEW_DEVICE)
    return len(signs) + bool(getattr(row, "has_failed", False))


def _entered(attack: SecurityAlert) -> int | None:
    """Count the logins that succeeded from where an attack came, in its time; None if that is not known."""
    network = addresses.parse(attack.ip_address or "")
    if network is None:
        return None
    window = dt.timedelta(minutes=tracking_conf.ALERT_WINDOW_MINUTES)
    logins = addresses.logins_from(addresses.around(network) or network).filter(
        success=True, timestamp__gte=attack.timestamp - window, timestamp__lte=attack.timestamp + window
    )
    return int(logins.order_by().count())


def _alert(row: SecurityAlert, names: dict[Any, str]) -> list[Any]:
    user_id = str(row.user_id) if row.user_id in names else None
    return [
        row.pk,
        row.kind,
        row.timestamp.isoformat(),
        user_id,
        _about(row, names),
        row.ip_address or "",
        row.evidence if isinstance(row.evidence, dict) else {},
        _signs(row),
        str(getattr(row, "session_id", None) or ""),
    ]


def _sources(period: Period) -> list[list[Any]]:
    """Return the addresses that most of the newest failures came from."""
    failures = _within(LoginEvent.objects.filter(success=False).order_by("-timestamp"), period)
    names: dict[str, set[str]] = {}
    number: Counter[str] = Counter()
    for address, identifier in failures.values_list("ip_address", "identifier")[:NEWEST]:
        if address:
            number[address] += 1
            names.setdefault(address, set()).add(identifier)
    return [[address, count, len(names[address])] for address, count in number.most_common(MOST_SOURCES)]


def _within(rows: Any, period: Period) -> Any:
    start, end = stored(midnight(period.first, zone())), stored(midnight(period.last + DAY, zone()))
    return rows.filter(timestamp__gte=start, timestamp__lt=end)


def _about(row: SecurityAlert, names: dict[Any, str]) -> str:
    if row.kind == Kind.SPRAYING:
        return row.ip_address or ""
    return names.get(row.user_id) or shortened(row.identifier) or row.ip_address or ""
