"""Links by which people say that a login was not theirs, and what follows from that."""

import hashlib
import secrets
from typing import Any

from django.core import signing
from django.db import transaction

from tracking.delivery.messages import user_of
from tracking.hashes import keyed_hash, keyed_hashes
from tracking.models import SecurityAlert, UserSession, database
from tracking.signals import alert_raised

SALT = "tracking.not_me"
VALID_DAYS = 7
# Of the hash of the password: only those who know the key could look for another password with the same beginning.
HASH_CHARACTERS = 32
# Of the password that replaces the one that somebody else may know. Nobody learns it.
PASSWORD_BYTES = 48


class InvalidLink(Exception):
    """The link is forged, too old, or of before the last change of the password. Which of them is nobody's business."""


def token_for(alert: SecurityAlert, user: Any) -> str:
    """Return the signed part of a link, bound to the alert, the user and the user's password."""
    hashed = keyed_hash("not_me", user.password)[:HASH_CHARACTERS]
    return signing.dumps([alert.pk, str(user.pk), hashed], salt=SALT)


def alert_of(token: str) -> tuple[SecurityAlert, Any, bool]:
    """Return the alert of a link, its user, and whether the person has reported it already. Raises InvalidLink."""
    try:
        key, user_key, hashed = signing.loads(token, salt=SALT, max_age=VALID_DAYS * 24 * 3600)
    except (signing.BadSignature, ValueError, TypeError):
        raise InvalidLink from None
    alert = SecurityAlert.objects.using(database()).filter(pk=key).first()
    user = user_of(alert) if alert else None
    if alert is None or user is None or str(user.pk) != user_key or not user.is_active:
        raise InvalidLink
    if SecurityAlert.objects.using(database()).filter(occasion=_occasion(alert)).exists():
        return alert, user, True
    if hashed not in {full[:HASH_CHARACTERS] for full in keyed_hashes("not_me", user.password)}:
        raise InvalidLink
    return alert, user, False


def report(alert: SecurityAlert, user: Any) -> bool:
    """End the user's sessions, replace the password, and raise an alert; once, however often it is called.

    The password becomes one that nobody knows, not an unusable one: Django sends those people no mail to reset it.
    Returns whether this call did it. All of it happens, or nothing.
    """
    has_password = user.has_usable_password()
    if has_password:
        # Before the transaction, because hashing takes long, and a second click waits for the first one's end.
        user.set_password(secrets.token_urlsafe(PASSWORD_BYTES))
    with transaction.atomic(using=database()), transaction.atomic(using=user._state.db):
        reported, is_new = _reported(alert)
        if not is_new:
            return False
        sessions = UserSession.objects.using(database()).filter(user=user.pk)
        sessions.end(UserSession.EndReason.ENDED_BY_OWNER)
        if has_password:
            user.save(update_fields=["password"])
    alert_raised.send_robust(sender=SecurityAlert, alert=reported)
    return True


def _reported(alert: SecurityAlert) -> tuple[SecurityAlert, bool]:
    facts = {
        "kind": SecurityAlert.Kind.REPORTED,
        "user_id": alert.user_id,
        "identifier": alert.identifier,
        "ip_address": alert.ip_address,
        "evidence": alert.evidence,
        "event_id": alert.event_id,
    }
    return SecurityAlert.objects.using(database()).get_or_create(occasion=_occasion(alert), defaults=facts)


def _occasion(alert: SecurityAlert) -> str:
    return hashlib.sha256(f"{SecurityAlert.Kind.REPORTED} {alert.pk}".encode()).hexdigest()
