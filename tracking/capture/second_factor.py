"""Finds the second factor that a session has passed: of django-otp, django-two-factor-auth or allauth.mfa."""

from dataclasses import dataclass
from typing import Any

from tracking.capture.login_method import ALLAUTH_METHODS
from tracking.sessions.identity import peek, was_loaded

OTP_DEVICE = "otp_device_id"  # django-otp's key, documented as DEVICE_ID_SESSION_KEY
# What tracking has recorded last of a session: the device or the moment; "" since its login without a second factor.
RECORDED = "_tracking_second_factor"
KIND_CHARACTERS = 20
KINDS = {"static": "recovery_codes"}


@dataclass(frozen=True, slots=True)
class Passed:
    """A second factor. `is_new` is False for a session from before tracking recorded any: it may be an old one."""

    kind: str
    evidence: str
    is_new: bool

    def mark(self, session: Any) -> None:
        session[RECORDED] = self.evidence


def newly_passed(session: Any) -> Passed | None:
    """Return the second factor that the session has passed and that is not recorded yet.

    Packages put it into the session, which they change by that; so an unchanged session costs no look.
    """
    if not was_loaded(session) or not session.modified:
        return None
    kind, evidence = _last(session)
    recorded = peek(session, RECORDED)
    return Passed(kind, evidence, recorded is not None) if kind and recorded != evidence else None


def expect_new(session: Any, user: Any) -> None:
    """Forget at a login what was recorded, if this login passes a second factor, maybe by the same device as before."""
    if peek(session, RECORDED) is None or getattr(user, "otp_device", None) is not None:
        session[RECORDED] = ""


def _last(session: Any) -> tuple[str, str]:
    """Return the kind of the last second factor ("totp", "recovery_codes", "webauthn" …) and what tells it apart."""
    if device := peek(session, OTP_DEVICE):
        return kind_of_device(str(device)), str(device)
    records = peek(session, ALLAUTH_METHODS)
    for record in reversed(records) if isinstance(records, list) else ():
        if isinstance(record, dict) and record.get("method") == "mfa" and not record.get("passwordless"):
            kind = str(record.get("type", ""))[:KIND_CHARACTERS]
            return kind, f"{kind} {record.get('at', '')}"
    return "", ""


def kind_of_device(persistent_id: str) -> str:
    """Return the kind of a device of django-otp: "totp" for "otp_totp.totpdevice/1"."""
    model = persistent_id.partition("/")[0].rpartition(".")[2].removesuffix("device")
    return KINDS.get(model, model)[:KIND_CHARACTERS]
