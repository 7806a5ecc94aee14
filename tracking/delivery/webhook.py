"""Sends an alert to an address of the site's choice, signed as https://www.standardwebhooks.com describes."""

import base64
import binascii
import hashlib
import hmac
import time

from tracking.conf import conf
from tracking.delivery import connection
from tracking.delivery.exceptions import NotSent
from tracking.delivery.messages import as_json
from tracking.models import AlertDelivery

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
GONE = 410
# Answers of a receiver that is there, but refuses one message; the others are still sent.
REFUSALS = frozenset(range(400, 500)) - {401, 403, 404, 408, GONE, 429}


def keys() -> list[bytes]:
    """Return the keys that sign, the newest first. Raises ValueError if there is none, or an invalid one."""
    found = [_key(secret) for secret in str(conf.ALERT_WEBHOOK_SECRET).split()]
    if not found:
        raise ValueError("no secret")
    return found


def signatures(message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header webhook-signature: a signature by each key, so that a secret can be rotated."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys())
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def send(delivery: AlertDelivery) -> None:
    """Send the delivery once. Raises NotSent."""
    body = as_json(delivery.alert)
    message_id, timestamp = f"msg_{delivery.uuid.hex}", int(time.time())
    try:
        signature = signatures(message_id, timestamp, body)
    except ValueError:
        raise NotSent("ALERT_WEBHOOK_SECRET is invalid") from None
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "django-cortex-tracking",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
    hosts = {str(host).lower() for host in conf.ALERT_WEBHOOK_PRIVATE_HOSTS}
    _judge(connection.post(conf.ALERT_WEBHOOK_URL, body, headers, private_hosts=hosts))


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise NotSent(f"the receiver redirects (status {status}), which is not followed")
    reason = f"the receiver answered with status {status}"
    raise NotSent(reason, is_final=status == GONE, is_away=status not in REFUSALS)


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise ValueError("no prefix")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None
    if len(key) not in KEY_BYTES:
        raise ValueError("too short or too long")
    return key
