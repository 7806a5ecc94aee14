"""Notes second factors of django-otp that were refused; django-two-factor-auth is built on the same forms."""

import functools
from typing import Any

from django.core.exceptions import ValidationError

from tracking.capture.login_method import method_of_backend
from tracking.capture.logins import BAD_CODE, LOCKED_OUT, note_failure
from tracking.capture.receivers import harmless
from tracking.capture.second_factor import kind_of_device

# Refusals that only ask for the code.
ASKING = frozenset(
    ("token_required", "device_required", "challenge_exception", "not_interactive", "challenge_message")
)


def connect() -> None:
    from django_otp.forms import OTPAuthenticationFormMixin as Mixin

    if not hasattr(Mixin.clean_otp, "is_watched"):
        Mixin.clean_otp = _noting_refusals(Mixin.clean_otp)


def _noting_refusals(clean_otp: Any) -> Any:
    @functools.wraps(clean_otp)
    def wrapper(form: Any, user: Any) -> Any:
        try:
            return clean_otp(form, user)
        except ValidationError as error:
            harmless(_note_refusal)(form, user, getattr(error, "code", None))
            raise

    wrapper.is_watched = True  # type: ignore[attr-defined]
    return wrapper


def _note_refusal(form: Any, user: Any, code: str | None) -> None:
    if code in ASKING or user is None:
        return
    note_failure(
        getattr(form, "request", None),
        user.get_username(),
        user=user,
        method=method_of_backend(getattr(user, "backend", "")),
        # Whatever is not the answer to a wrong code says that no code is looked at for a while.
        reason=BAD_CODE if code == "invalid_token" else LOCKED_OUT,
        second_factor=_device_kind(form, user),
    )


def _device_kind(form: Any, user: Any) -> str:
    device = form._chosen_device(user)  # private to django-otp; tests/sites/suite breaks first
    return kind_of_device(device.persistent_id) if device is not None else ""
