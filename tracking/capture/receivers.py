"""What Django tells of logins, and what it does not tell: receivers that only note, and never raise."""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import router

from tracking.capture.login_method import method_of_backend, password_method
from tracking.capture.logins import entered_identifier, note_failure, note_success
from tracking.capture.note import note, visit_of
from tracking.capture.visit import user_id_of
from tracking.events import SessionEnd
from tracking.health import report_fault
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession, database
from tracking.sessions.identity import session_id_of, was_just_given_to
from tracking.storage.bounded import bounded

Receiver = Callable[..., None]


def harmless(receiver: Receiver) -> Receiver:
    """Django sends its login signals with `send`: what a receiver raises would break the login."""

    @functools.wraps(receiver)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            receiver(*args, **kwargs)
        except Exception as error:
            report_fault(f"Noting ({receiver.__name__})", error)

    return guarded


@harmless
def on_login(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    session = getattr(request, "session", None)
    note_success(request, user, starts=session if was_just_given_to(session, user) else None)


@harmless
def on_failure(sender: Any, credentials: Any = None, request: Any = None, **kwargs: Any) -> None:
    credentials = credentials or {}
    method = password_method() if "password" in credentials else ""
    note_failure(request, entered_identifier(credentials), method=method)


@harmless
def on_logout(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    session_id = session_id_of(getattr(request, "session", None))
    if session_id is not None:
        note(SessionEnd(reason=UserSession.EndReason.LOGOUT, session_id=session_id), request)


@harmless
def on_user_saved(
    sender: Any, instance: Any, created: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    """A new password and a deactivation end sessions, of which Django tells nobody."""
    if created or kwargs.get("raw"):
        return
    alias = kwargs.get("using") or router.db_for_write(sender)
    if getattr(instance, "_password", None) is not None:  # set by `set_password`, until the save is over
        visit = visit_of(None)
        keeps = _session_kept(visit.request, instance) if visit else None
        reason = UserSession.EndReason.PASSWORD_CHANGE
        note(SessionEnd(reason=reason, user_id=instance.pk, except_id=keeps), follows=alias)
    elif not getattr(instance, "is_active", True) and (update_fields is None or "is_active" in update_fields):
        note(SessionEnd(reason=UserSession.EndReason.DEACTIVATED, user_id=instance.pk), follows=alias)


@harmless
def on_user_to_be_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """At once and within the deletion's own transaction: afterwards nothing says any more whose sessions these are."""
    with bounded(database()):
        UserSession.objects.using(database()).filter(user=instance.pk).end(UserSession.EndReason.DEACTIVATED)


@harmless
def on_user_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Where tracking has a database of its own, Django has left it alone (see `models.user_key`)."""
    if kwargs.get("using") != database():
        for model in (LoginEvent, ActivityLog, UserSession, SecurityAlert):
            with bounded(database()):
                model._base_manager.using(database()).filter(user=instance.pk).update(user=None)


def _session_kept(request: Any, user: Any) -> uuid.UUID | None:
    """The session of somebody who changes their own password goes on; see `update_session_auth_hash`."""
    return session_id_of(getattr(request, "session", None)) if user_id_of(request) == user.pk else None


def noting_refusals(clean: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Around `AuthenticationForm.clean`: a right password that the form refuses all the same sends no signal."""

    @functools.wraps(clean)
    def wrapper(form: Any) -> Any:
        try:
            return clean(form)
        except ValidationError as error:
            if getattr(form, "user_cache", None) is not None:
                harmless(_on_refusal)(form, error)
            raise

    wrapper.notes_refusals = True  # type: ignore[attr-defined]
    return wrapper


def _on_refusal(form: Any, error: ValidationError) -> None:
    from django.contrib.admin.forms import AdminAuthenticationForm

    user = form.user_cache
    codes = {"inactive"} & {one.code for one in error.error_list}
    reason = "inactive" if codes else "not_staff" if isinstance(form, AdminAuthenticationForm) else "refused"
    method = method_of_backend(getattr(user, "backend", ""))
    note_failure(form.request, user.get_username(), user=user, method=method, reason=reason)
