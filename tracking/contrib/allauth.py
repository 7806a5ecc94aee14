"""Notes wrong codes of allauth (second factors, logins by code), and refuses ended sessions of its app clients."""

import functools
from typing import Any

from tracking.capture.login_method import first_factor
from tracking.capture.logins import BAD_CODE, note_failure
from tracking.capture.note import visit_of
from tracking.capture.receivers import harmless
from tracking.sessions.identity import SESSION_ID
from tracking.sessions.memory import Known, memory
from tracking.sessions.revocations import is_revoked, revocations


def connect() -> None:
    from allauth.account import signals as account
    from django.apps import apps

    # Each signal is newer than the oldest version of allauth in use.
    if rejected := getattr(account, "login_code_rejected", None):
        rejected.connect(on_code_rejected, dispatch_uid="tracking.allauth.code")
    if apps.is_installed("allauth.headless"):
        # Internal to allauth: it has no signal for a token that is used. tests/sites/suite breaks first.
        from allauth.headless.internal import sessionkit

        if not hasattr(sessionkit.session_store, "is_watched"):
            sessionkit.session_store = _refusing_ended(sessionkit.session_store)
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


def _refusing_ended(session_store: Any) -> Any:
    """Wrap the function by which the headless API finds a session by its token, within the view.

    The middleware sees no cookie of an app. An ended session is emptied, so that its token is refused.
    """

    @functools.wraps(session_store)
    def wrapper(session_key: Any = None) -> Any:
        store = session_store(session_key=session_key)
        if session_key:
            harmless(_look_at)(store, str(session_key))
        return store

    wrapper.is_watched = True  # type: ignore[attr-defined]
    return wrapper


def _look_at(store: Any, token: str) -> None:
    if revocations.here.is_due:
        revocations.here.refresh()
    if is_revoked(token):
        store.flush()
        return
    visit = visit_of(None)
    if visit is None or visit.token:
        return
    visit.token = token
    session_id = store.get(SESSION_ID)  # allauth loads the session as well
    if session_id and memory.here.of(token) is None:
        memory.here.remember(token, Known(str(session_id)))
