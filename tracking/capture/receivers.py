"""Receives Django's signals of logins, logouts and users, and notes the events. Receivers never raise."""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import QuerySet

from tracking.capture.login_method import method_of_backend, method_of_credentials
from tracking.capture.logins import BY_API, entered_identifier, note_failure, note_success, note_token
from tracking.capture.note import note, visit_of
from tracking.capture.noted import ACTOR, ENDED, Switch
from tracking.capture.requester import user_id_of
from tracking.capture.scope import request_of_scope
from tracking.events import SessionEnd
from tracking.health import report_fault
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession, database
from tracking.sessions.identity import peek, session_id_of, was_just_given_to
from tracking.storage.bounded import bounded

Receiver = Callable[..., None]


def harmless(receiver: Receiver) -> Receiver:
    """Catch what a receiver raises: Django sends its login signals with `send`, so it would break the login."""

    @functools.wraps(receiver)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            receiver(*args, **kwargs)
        except Exception as error:
            report_fault(f"Noting ({receiver.__name__})", error)

    return guarded


@harmless
def on_login(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    request = request or request_of_scope()
    session = getattr(request, "session", None)
    if was_just_given_to(session, user):
        note_success(request, user, starts=session)
    elif hasattr(request, "_request"):  # a view of REST framework
        note_token(request, user, BY_API)
    else:
        note_success(request, user)


@harmless
def on_failure(sender: Any, credentials: Any = None, request: Any = None, **kwargs: Any) -> None:
    request, credentials = request or request_of_scope(), credentials or {}
    note_failure(request, entered_identifier(credentials), method=method_of_credentials(credentials))


@harmless
def on_logout(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    request = request or request_of_scope()
    session = getattr(request, "session", None)
    session_id, actor_id = session_id_of(session), peek(session, ACTOR)
    visit = visit_of(request)
    if actor_id is not None and not (visit and visit.is_returning):
        note(Switch(ENDED, actor_id, peek(session, SESSION_KEY)).activity, request)
    if session_id is not None:
        note(SessionEnd(reason=UserSession.EndReason.LOGOUT, session_id=session_id), request)


@harmless
def on_user_saved(
    sender: Any, instance: Any, created: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    """End the sessions of a user whose password was changed or who was deactivated; Django has no signal for it.

    `_password` is private to Django's AbstractBaseUser: `set_password` sets it, and `save` clears it afterwards.
    tests/tracking/suite/suite_sessions.py breaks first.
    """
    if created or kwargs.get("raw"):
        return
    alias = kwargs.get("using") or router.db_for_write(sender)
    if getattr(instance, "_password", None) is not None:
        visit = visit_of(None)
        keeps = _session_kept(visit.request, instance) if visit else None
        reason = UserSession.EndReason.PASSWORD_CHANGE
        note(SessionEnd(reason=reason, user_id=instance.pk, except_id=keeps), follows=alias)
    elif not getattr(instance, "is_active", True) and (update_fields is None or "is_active" in update_fields):
        note(SessionEnd(reason=UserSession.EndReason.DEACTIVATED, user_id=instance.pk), follows=alias)


@harmless
def on_user_to_be_deleted(sender: Any, instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """End the user's sessions at once, in the transaction of the deletion; afterwards their owner is unknown.

    Of a queryset of users that is deleted, all sessions end at its first user, with one statement.
    """
    sessions = UserSession.objects.using(database())
    is_set = isinstance(origin, QuerySet) and issubclass(origin.model, get_user_model())
    if is_set and kwargs.get("using") == database() and not origin.query.is_sliced:
        if hasattr(origin, "tracking_has_ended_sessions"):
            return
        origin.tracking_has_ended_sessions = True
        sessions = sessions.filter(user__in=origin.order_by().values("pk"))
    else:
        sessions = sessions.filter(user=instance.pk)
    with bounded(database()):
        sessions.end(UserSession.EndReason.DEACTIVATED)


@harmless
def on_user_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Set the user to null if tracking has a database of its own, which Django does not touch (`keep_without_user`)."""
    if kwargs.get("using") != database():
        for model in (LoginEvent, ActivityLog, UserSession, SecurityAlert):
            with bounded(database()):
                model._base_manager.using(database()).filter(user=instance.pk).update(user=None)


def _session_kept(request: Any, user: Any) -> uuid.UUID | None:
    """Return the session of a user who changes their own password. It continues; see `update_session_auth_hash`."""
    return session_id_of(getattr(request, "session", None)) if user_id_of(request) == user.pk else None


def noting_refusals(clean: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap `AuthenticationForm.clean` to note a correct password that the form rejects; Django sends no signal for it.

    Replacing the method is the only way that needs no change in the site's own forms. It relies on the attribute
    `user_cache`; tests/tracking/suite/suite_logins.py breaks first.
    """

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
    is_inactive = any(one.code == "inactive" for one in error.error_list)
    is_admin_form = isinstance(form, AdminAuthenticationForm)
    reason = "inactive" if is_inactive else "not_staff" if is_admin_form else "refused"
    method = method_of_backend(getattr(user, "backend", ""))
    note_failure(form.request, user.get_username(), user=user, method=method, reason=reason)
