"""What looks like an attack: a row of `security_alerts` with its evidence, and a signal. What to do is the site's.

The evidence was gathered with the event itself (`store`), so ordinary logins cost no further query.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError

from tracking.conf import conf
from tracking.models import LoginEvent, SecurityAlert, database
from tracking.signals import alert_raised
from tracking.storage.bounded import bounded
from tracking.storage.evidence import network_of
from tracking.storage.rows import insert

Kind = SecurityAlert.Kind
# Occasions that this process has seen to: an attack that goes on shall not cost a query for each of its tries.
MOST_REMEMBERED = 10_000
_seen_to: set[str] = set()


def raise_alerts(event: LoginEvent) -> None:
    """Alerts for a login that was just stored: one for each occasion, however often it goes on."""
    for kind, occasion in _occasions(event):
        name = hashlib.sha256(f"{kind} {occasion}".encode()).hexdigest()
        if name in _seen_to:
            continue
        if len(_seen_to) >= MOST_REMEMBERED:
            _seen_to.clear()
        alert = _stored(_alert(kind, event, name))
        _seen_to.add(name)
        if alert is not None:
            alert_raised.send_robust(sender=SecurityAlert, alert=alert)


def forget_occasions() -> None:
    _seen_to.clear()


def _stored(alert: SecurityAlert) -> SecurityAlert | None:
    """None: another process, or another time, has raised it."""
    with bounded(database()):
        if SecurityAlert.objects.using(database()).filter(occasion=alert.occasion).exists():
            return None
    try:
        with bounded(database()):
            insert([alert], returning=("id",))
    except IntegrityError:
        return None
    return alert


def _occasions(event: LoginEvent) -> Iterator[tuple[Kind, str]]:
    """What the event is part of. An attack that goes on for hours is told of again in each window of time."""
    evidence: dict[str, Any] = event.evidence
    failures = int(evidence.get("account_failures") or 0)
    window = int(event.timestamp.timestamp() // (conf.ALERT_WINDOW_MINUTES * 60))
    if event.success:
        if event.identifier and failures >= conf.ALERT_ACCOUNT_FAILURES:
            yield Kind.SUCCESS_AFTER_BURST, f"{event.identifier} {window}"
        if evidence.get("logged_in_before") and not evidence.get("device_known"):
            yield Kind.NEW_DEVICE, str(event.uuid)
        return
    if event.identifier and failures + 1 >= conf.ALERT_ACCOUNT_FAILURES:
        yield Kind.FAILURE_BURST, f"{event.identifier} {window}"
    if event.ip_address and int(evidence.get("network_accounts") or 0) + 1 >= conf.ALERT_NETWORK_ACCOUNTS:
        yield Kind.SPRAYING, f"{network_of(event.ip_address)} {window}"


def _alert(kind: Kind, event: LoginEvent, occasion: str) -> SecurityAlert:
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
        occasion=occasion,
    )
