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
from tracking.tenancy import ByTenant

Kind = SecurityAlert.Kind
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
    """Raise the alerts of a login that was just stored, each deduplication key once."""
    for kind, subject in _suspicions(event):
        dedup_key = hashlib.sha256(f"{kind} {subject}".encode()).hexdigest()
        if dedup_key in raised.here:
            continue
        alert = _stored(_alert(kind, event, dedup_key))
        raised.here.add(dedup_key)
        if alert is not None:
            alert_raised.send_robust(sender=SecurityAlert, alert=alert)


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


def _suspicions(event: LoginEvent) -> Iterator[tuple[Kind, str]]:
    """Yield the attacks that the login may be part of, each as its kind and what it is deduplicated by.

    That includes the time window, so an attack that continues for hours raises an alert in each window.
    """
    evidence: dict[str, Any] = event.evidence
    failures = int(evidence.get("account_failures") or 0)
    window = int(event.timestamp.timestamp() // (conf.ALERT_WINDOW_MINUTES * 60))
    if event.success:
        if event.identifier and failures >= conf.ALERT_ACCOUNT_FAILURES:
            yield Kind.SUCCESS_AFTER_BURST, f"{event.identifier} {window}"
        is_device_told = event.browser or event.os
        if is_device_told and evidence.get("logged_in_before") and not evidence.get("device_known"):
            yield Kind.NEW_DEVICE, str(event.uuid)
        return
    if event.failure_reason == ERROR:
        return
    if event.identifier and failures + 1 >= conf.ALERT_ACCOUNT_FAILURES:
        yield Kind.FAILURE_BURST, f"{event.identifier} {window}"
    if event.ip_address and int(evidence.get("network_accounts") or 0) + 1 >= conf.ALERT_NETWORK_ACCOUNTS:
        yield Kind.SPRAYING, f"{network_of(event.ip_address)} {window}"


def _alert(kind: Kind, event: LoginEvent, dedup_key: str) -> SecurityAlert:
    evidence = event.evidence | {
        "window_minutes": conf.ALERT_WINDOW_MINUTES,
        "device_type": event.device_type,
        "browser": event.browser,
        "os": event.os,
        "login_method": event.login_method,
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
