"""What Django tells of logins, and what it does not tell: receivers that only note, and never raise."""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import Q

from tracking.capture.client import Client, client_of, storable
from tracking.capture.login_method import login_method, method_of_backend, password_method
from tracking.capture.note import note, visit_of
from tracking.events import Login, SessionEnd, SessionStart
from tracking.hashes import hashed_name
from tracking.health import report_fault
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession
from tracking.sessions import revocations
from tracking.storage.bounded import bounded
from tracking.storage.rows import database

IDENTIFIER_CHARACTERS = 254
REASON_CHARACTERS = 40
# Names under which login forms and backends pass what was entered, besides the user model's own.
IDENTIFIER_KEYS = ("username", "email", "login", "identifier")

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
    note_success(request, user, starts=session if revocations.was_just_given_to(session, user) else None)


@harmless
def on_failure(sender: Any, credentials: Any = None, request: Any = None, **kwargs: Any) -> None:
    credentials = credentials or {}
    method = password_method() if "password" in credentials else ""
    note_failure(request, entered_identifier(credentials), method=method)


@harmless
def on_logout(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    session_id = revocations.session_id_of(getattr(request, "session", None))
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
    from tracking.capture.visit import user_id_of

    return (
        revocations.session_id_of(getattr(request, "session", None))
        if user_id_of(request) == user.pk
        else None
    )


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


def note_success(
    request: Any, user: Any, *, method: str = "", identifier: str = "", starts: Any = None
) -> None:
    """`starts`: the session that Django has just put the user into; None for a login without one, such as a token."""
    client = _client(request)
    method = method or login_method(request, user)
    alias = router.db_for_write(type(user)) if user is not None else router.db_for_write(UserSession)
    session_id = revocations.session_id_of(getattr(request, "session", None))
    if starts is not None and session_id is None:
        start = _session_start(starts, user, method, client)
        session_id = start.uuid
        note(start, request, follows=alias)
    login = Login(
        success=True,
        user_id=user.pk if user is not None else None,
        identifier=_identifier(
            user.get_username() if user is not None else identifier, is_known=user is not None
        ),
        login_method=storable(method, REASON_CHARACTERS),
        session_id=session_id,
        **_of_client(client),
        user_agent=client.user_agent,
    )
    note(login, request, follows=alias)


def _session_start(session: Any, user: Any, method: str, client: Client) -> SessionStart:
    session_id = uuid.uuid4()
    session[revocations.SESSION_ID] = str(session_id)
    revocations.remember_new(session_id, session.session_key)
    by_key = session.session_key and settings.SESSION_ENGINE != revocations.SIGNED_COOKIES
    return SessionStart(
        uuid=session_id,
        user_id=user.pk,
        key_hash=revocations.key_hash(session.session_key) if by_key else None,
        expires_at=revocations.expiry_of(session),
        login_method=storable(method, REASON_CHARACTERS),
        **_of_client(client),
    )


def note_failure(
    request: Any, identifier: str, *, user: Any = None, method: str = "", reason: str = ""
) -> None:
    client = _client(request)
    if user is None and identifier:
        user = find_user(identifier)
    if not reason:
        is_active = getattr(user, "is_active", True)
        reason = "unknown_user" if user is None else "bad_password" if is_active else "inactive"
    login = Login(
        success=False,
        user_id=user.pk if user is not None else None,
        identifier=_identifier(
            user.get_username() if user is not None else identifier, is_known=user is not None
        ),
        login_method=storable(method, REASON_CHARACTERS),
        failure_reason=storable(reason, REASON_CHARACTERS),
        session_id=None,
        **_of_client(client),
        user_agent=client.user_agent,
    )
    note(login, request)


def entered_identifier(credentials: dict[str, Any]) -> str:
    """What was entered as a name, whatever the user model calls it."""
    for key in (get_user_model().USERNAME_FIELD, *IDENTIFIER_KEYS):
        if value := credentials.get(key):
            return str(value)
    return ""


def find_user(identifier: str) -> Any:
    """The user of that name, asked for alike whether there is one or not. None, too, if the database is in trouble."""
    user_model: Any = get_user_model()
    if storable(identifier, len(identifier)) != identifier:
        return None  # nobody has a name that no database takes
    try:
        with bounded(router.db_for_read(user_model)):
            email = user_model.get_email_field_name()
            if "@" in identifier and email != user_model.USERNAME_FIELD and _has_field(user_model, email):
                by_either = Q(**{user_model.USERNAME_FIELD: identifier}) | Q(
                    **{f"{email}__iexact": identifier}
                )
                return user_model._default_manager.filter(by_either).first()
            return user_model._default_manager.get_by_natural_key(identifier)
    except (user_model.DoesNotExist, ValueError, TypeError, ValidationError):
        return None  # the latter where what was entered is no value of such a field; which is not for the log
    except Exception as error:
        report_fault("Looking for a user", error)
        return None


def _has_field(model: Any, name: str) -> bool:
    return any(f.name == name for f in model._meta.concrete_fields)


def _identifier(text: str, *, is_known: bool) -> str:
    """A user's name as it is; of anything else a keyed hash, for people type passwords into the wrong field."""
    if not text:
        return ""
    return storable(str(text), IDENTIFIER_CHARACTERS) if is_known else hashed_name(str(text))


def _client(request: Any) -> Client:
    visit = visit_of(request)
    return visit.client if visit is not None else client_of(request)


def _of_client(client: Client) -> dict[str, Any]:
    device = client.device
    return {
        "device_type": device.device_type,
        "browser": device.browser,
        "os": device.os,
        "ip_address": client.ip_address,
    }
