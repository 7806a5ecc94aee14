"""What looks like an attack: a row of `security_alerts` with its evidence, and a signal. What to do is the site's.

The evidence was gathered with the event itself (`store`), so ordinary logins cost no further query.
"""

from collections.abc import Iterator
from typing import Any

from tracking.conf import conf
from tracking.models import LoginEvent, SecurityAlert
from tracking.signals import alert_raised

Kind = SecurityAlert.Kind


def raise_alerts(event: LoginEvent) -> list[SecurityAlert]:
    """Alerts for a login that was just stored. One alert for each occasion, however often it goes on."""
    raised = []
    for alert in _alerts(event):
        stored, is_new = SecurityAlert.objects.using(event._state.db).get_or_create(
            occasion=alert.pop("occasion")[:64], defaults=alert
        )
        if is_new:
            raised.append(stored)
            alert_raised.send_robust(sender=SecurityAlert, alert=stored)
    return raised


def _alerts(event: LoginEvent) -> Iterator[dict[str, Any]]:
    evidence: dict[str, Any] = event.evidence
    failures = int(evidence.get("account_failures") or 0)
    if event.success:
        if failures >= conf.ALERT_ACCOUNT_FAILURES:
            yield _alert(Kind.SUCCESS_AFTER_BURST, event, f"login:{event.uuid}")
        if evidence.get("logged_in_before") and not evidence.get("device_known"):
            yield _alert(Kind.NEW_DEVICE, event, f"device:{event.uuid}")
        return
    if failures + 1 >= conf.ALERT_ACCOUNT_FAILURES:
        yield _alert(Kind.FAILURE_BURST, event, f"burst:{event.identifier[:40]}:{_window(event)}")
    if int(evidence.get("network_accounts") or 0) + 1 >= conf.ALERT_NETWORK_ACCOUNTS:
        yield _alert(Kind.SPRAYING, event, f"spray:{event.ip_address}:{_window(event)}")


def _window(event: LoginEvent) -> int:
    """Number of the event's window: an attack that goes on for hours is told of again in each."""
    return int(event.timestamp.timestamp() // (conf.ALERT_WINDOW_MINUTES * 60))


def _alert(kind: Kind, event: LoginEvent, occasion: str) -> dict[str, Any]:
    evidence = event.evidence | {
        "window_minutes": conf.ALERT_WINDOW_MINUTES,
        "device_type": event.device_type,
        "browser": event.browser,
        "os": event.os,
        "login_method": event.login_method,
    }
    return {
        "kind": kind,
        "timestamp": event.timestamp,
        "user_id": event.user_id,
        "identifier": event.identifier,
        "ip_address": event.ip_address,
        "evidence": evidence,
        "event_id": event.pk,
        "occasion": occasion,
    }
