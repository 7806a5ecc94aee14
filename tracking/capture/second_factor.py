"""Finds the second factor that a session has passed: of django-otp, django-two-factor-auth or allauth.mfa."""

from typing import Any

from tracking.sessions.identity import peek

OTP_DEVICE = "otp_device_id"  # django-otp's key, documented as DEVICE_ID_SESSION_KEY
ALLAUTH_METHODS = "account_authentication_methods"
# The last second factor that tracking has recorded of a session.
RECORDED = "_tracking_second_factor"
KIND_CHARACTERS = 20
KINDS = {"static": "recovery_codes"}


def second_factor_of(session: Any) -> str:
    """Return the kind: "totp", "recovery_codes", "webauthn", "email", "phone" …; "" without one."""
    if device := peek(session, OTP_DEVICE):
        return kind_of_device(str(device))
    records = peek(session, ALLAUTH_METHODS)
    for record in reversed(records) if isinstance(records, list) else ():
        if isinstance(record, dict) and record.get("method") == "mfa" and not record.get("passwordless"):
            return str(record.get("type", ""))[:KIND_CHARACTERS]
    return ""


def kind_of_device(persistent_id: str) -> str:
    """Return the kind of a device of django-otp: "totp" for "otp_totp.totpdevice/1"."""
    model = persistent_id.partition("/")[0].rpartition(".")[2].removesuffix("device")
    return KINDS.get(model, model)[:KIND_CHARACTERS]


def newly_passed(session: Any) -> str:
    """Return the second factor that this request's session has passed and that is not recorded yet, and mark it."""
    kind = second_factor_of(session)
    if not kind or peek(session, RECORDED) == kind:
        return ""
    session[RECORDED] = kind
    return kind
