"""Notes wrong codes of allauth: of a second factor, and of a login by code."""

from typing import Any

from tracking.capture.login_method import first_factor
from tracking.capture.logins import BAD_CODE, note_failure
from tracking.capture.receivers import harmless


def connect() -> None:
    from allauth.account import signals as account
    from django.apps import apps

    # Each signal is newer than the oldest version of allauth in use.
    if rejected := getattr(account, "login_code_rejected", None):
        rejected.connect(on_code_rejected, dispatch_uid="tracking.allauth.code")
    if apps.is_installed("allauth.mfa"):
        from allauth.mfa import signals as mfa

        if failed := getattr(mfa, "authentication_failed", None):
            failed.connect(on_second_factor_failed, dispatch_uid="tracking.allauth.mfa")


@harmless
def on_code_rejected(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    note_failure(request, user.get_username(), user=user, method="code", reason=BAD_CODE)


@harmless
def on_second_factor_failed(
    sender: Any, request: Any = None, user: Any = None, authenticator: Any = None, **kwargs: Any
) -> None:
    note_failure(
        request,
        user.get_username(),
        user=user,
        method=first_factor(request, user),
        reason=BAD_CODE,
        second_factor=str(getattr(authenticator, "type", "")),
    )
