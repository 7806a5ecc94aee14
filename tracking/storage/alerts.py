"""Raises one alert per suspected attack: a row of `security_alerts` with evidence, and a signal.

The evidence was counted by the INSERT of the login itself (`storage.evidence`), so ordinary logins cost no further
query. The site decides what to do about an alert.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError

from tracking.conf import conf
from tracking.events import ERROR
from tracking.models import LoginEvent, SecurityAlert, database
from tracking.signals import alert_raised
from tracking.storage.bounded import bounded
from tracking.storage.evidence import network_of
from tracking.storage.rows import insert
from tracking.storage.travel import journey_to
from tracking.tenancy import ByTenant

Kind = SecurityAlert.Kind
Facts = dict[str, Any]
MOST_REMEMBERED = 10_000


class Raised:
    """The deduplication keys of alerts that this process has raised: an attack must not cost a query per attempt."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        if len(self._keys) >= MOST_REMEMBERED:
            self._keys.clear()
        self._keys.add(key)

    def forget(self) -> None:
        """Forget them. The database still keeps each alert unique."""
        self._keys.clear()


raised = ByTenant(Raised)


def raise_alerts(event: LoginEvent) -> None:
    """Raise the alerts of a login that was just stored, each deduplication key once.

    A success raises one: the most severe that was not raised before, which names the others that follow it. So what
    was raised for another login does not hide what is new about this one.
    """
    suspicions = list(_suspicions(event))
    for number, (kind, subject, facts) in enumerate(suspicions):
        dedup_key = hashlib.sha256(f"{kind} {subject}".encode()).hexdigest()
        if dedup_key in raised.here:
            continue
        if event.success and (also := [other for other, _, _ in suspicions[number + 1 :]]):
            facts = facts | {"also": also}
        alert = _stored(_alert(kind, event, dedup_key, facts))
        raised.here.add(dedup_key)
        if alert is not None:
            alert_raised.send_robust(sender=SecurityAlert, alert=alert)
            if event.success:
                return


def _stored(alert: SecurityAlert) -> SecurityAlert | None:
    """Store the alert; None if it was already raised, by another process or before."""
    with bounded(database()):
        if SecurityAlert.objects.using(database()).filter(occasion=alert.occasion).exists():
            return None
    try:
        with bounded(database()):
            insert([alert], returning=("id",))
    except IntegrityError:
        return None
    return alert


def _suspicions(event: LoginEvent) -> Iterator[tuple[Kind, str, Facts]]:
    """Yield the attacks that the login may be part of, the most severe first.

    Each as its kind, what it is deduplicated by, and facts of its own. The deduplication includes the time window, so
    an attack that continues for hours raises an alert in each window.
    """
    evidence: dict[str, Any] = event.evidence
    failures = int(evidence.get("account_failures") or 0)
    window = int(event.timestamp.timestamp() // (conf.ALERT_WINDOW_MINUTES * 60))
    if event.success:
        if event.identifier and failures >= conf.ALERT_ACCOUNT_FAILURES:
            yield Kind.SUCCESS_AFTER_BURST, f"{event.identifier} {window}", {}
        yield from _novelties(event)
        return
    if event.failure_reason == ERROR:
        return
    if event.identifier and failures + 1 >= conf.ALERT_ACCOUNT_FAILURES:
        yield Kind.FAILURE_BURST, f"{event.identifier} {window}", {}
    if event.ip_address and int(evidence.get("network_accounts") or 0) + 1 >= conf.ALERT_NETWORK_ACCOUNTS:
        yield Kind.SPRAYING, f"{network_of(event.ip_address)} {window}", {}


def _novelties(event: LoginEvent) -> Iterator[tuple[Kind, str, Facts]]:
    """Yield what is new about a success: the place, the country, the device."""
    evidence: dict[str, Any] = event.evidence
    journey = journey_to(event)
    if journey is not None and journey.is_impossible:
        # Whoever changes between two networks all day is told of once for these two.
        yield Kind.IMPOSSIBLE_TRAVEL, f"{event.user_id} {journey.ends} {event.timestamp:%F}", journey.facts
    is_country_known = evidence.get("country_known")
    if is_country_known is not None and not is_country_known:
        yield Kind.NEW_COUNTRY, str(event.uuid), {}
    is_device_told = event.browser or event.os
    if is_device_told and evidence.get("logged_in_before") and not evidence.get("device_known"):
        yield Kind.NEW_DEVICE, str(event.uuid), {}


def _alert(kind: Kind, event: LoginEvent, dedup_key: str, facts: Facts) -> SecurityAlert:
    evidence = event.evidence | {
        "window_minutes": conf.ALERT_WINDOW_MINUTES,
        "device_type": event.device_type,
        "browser": event.browser,
        "os": event.os,
        "login_method": event.login_method,
        "country": event.country,
        **facts,
    }
    return SecurityAlert(
        kind=kind,
        timestamp=event.timestamp,
        user_id=event.user_id,
        identifier=event.identifier,
        ip_address=event.ip_address,
        evidence=evidence,
        event_id=event.pk,
        occasion=dedup_key,
    )
