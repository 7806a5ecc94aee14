"""Notes successful and failed logins, with session, method, account and client."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import Q

from tracking.capture.client import Client, client_of
from tracking.capture.login_method import login_method
from tracking.capture.note import note, visit_of
from tracking.capture.second_factor import KIND_CHARACTERS, expect_new, newly_passed
from tracking.events import Login, SessionStart, storable
from tracking.hashes import hashed_name
from tracking.health import report_fault
from tracking.models import UserSession
from tracking.sessions.identity import SESSION_ID, SIGNED_COOKIES, expiry_of, key_hash, peek, session_id_of
from tracking.sessions.memory import remember_new
from tracking.storage.bounded import bounded

# Reasons of failures that a receiver knows and Django's signal does not tell.
BAD_CODE, LOCKED_OUT = "bad_code", "locked_out"
# The method of a login without a session for an API that does not say more.
BY_API = "api_token"
PASSWORD_METHODS = ("", "password", "email")
# People with the same address who are looked at for the one of that name.
MOST_LOOKED_AT = 20
IDENTIFIER_CHARACTERS = 254
REASON_CHARACTERS = 40
# Keys under which login forms and backends pass the entered identifier, besides the user model's USERNAME_FIELD.
IDENTIFIER_KEYS = ("username", "email", "login", "identifier")


def note_success(
    request: Any,
    user: Any,
    *,
    method: str = "",
    identifier: str = "",
    starts: Any = None,
    needs_answer: bool = False,
) -> None:
    """Note a successful login.

    `starts` is the session that Django has just put the user into; None for a login without a session, such as by a
    token. `needs_answer`: see `note`.
    """
    client = _client(request)
    method = method or login_method(request, user)
    alias = router.db_for_write(type(user)) if user is not None else router.db_for_write(UserSession)
    session_id = _session_of(request, user)
    if starts is not None:
        expect_new(starts, user)
    if starts is not None and session_id is None:
        start = _session_start(starts, user, method, client)
        session_id = start.uuid
        note(start, request, follows=alias, session=starts)
    passed = newly_passed(starts)
    if passed is not None:
        passed.mark(starts)
    login = Login(
        success=True,
        user_id=user.pk if user is not None else None,
        identifier=_identifier(
            user.get_username() if user is not None else identifier, is_known=user is not None
        ),
        login_method=storable(method, REASON_CHARACTERS),
        second_factor=passed.kind if passed is not None else "",
        session_id=session_id,
        **_of_client(client),
        country=client.country,
        user_agent=client.user_agent,
    )
    note(login, request, follows=alias, needs_answer=needs_answer)


def note_token(request: Any, user: Any, method: str) -> None:
    """Note a login for a token, which counts only if the view does not refuse it after all."""
    note_success(request, user, method=method, needs_answer=True)


def _session_of(request: Any, user: Any) -> uuid.UUID | None:
    """Return the id of the request's session, if it is the user's; a token may be asked for in another's browser."""
    session = getattr(request, "session", None)
    if user is None or peek(session, SESSION_KEY) != user._meta.pk.value_to_string(user):
        return None
    return session_id_of(session)


def _session_start(session: Any, user: Any, method: str, client: Client) -> SessionStart:
    session_id = uuid.uuid4()
    session[SESSION_ID] = str(session_id)
    remember_new(session_id, session.session_key)
    by_key = session.session_key and settings.SESSION_ENGINE != SIGNED_COOKIES
    return SessionStart(
        uuid=session_id,
        user_id=user.pk,
        key_hash=key_hash(session.session_key) if by_key else None,
        expires_at=expiry_of(session),
        login_method=storable(method, REASON_CHARACTERS),
        **_of_client(client),
    )


def note_failure(
    request: Any,
    identifier: str,
    *,
    user: Any = None,
    method: str = "",
    reason: str = "",
    second_factor: str = "",
) -> None:
    client = _client(request)
    visit = visit_of(request)
    if visit is not None and visit.next_reason:
        reason, visit.next_reason = visit.next_reason, ""
    if user is None and identifier:
        user = find_user(identifier)
    if not reason:
        reason = _reason(user, has_password=method in PASSWORD_METHODS)
    login = Login(
        success=False,
        user_id=user.pk if user is not None else None,
        identifier=_identifier(
            user.get_username() if user is not None else identifier, is_known=user is not None
        ),
        login_method=storable(method, REASON_CHARACTERS),
        second_factor=storable(second_factor, KIND_CHARACTERS),
        failure_reason=storable(reason, REASON_CHARACTERS),
        session_id=None,
        **_of_client(client),
        country=client.country,
        user_agent=client.user_agent,
    )
    note(login, request)


def _reason(user: Any, *, has_password: bool) -> str:
    if user is None:
        return "unknown_user" if has_password else "bad_credentials"
    if not getattr(user, "is_active", True):
        return "inactive"
    return "bad_password" if has_password else "bad_credentials"


def refuse_next(request: Any, reason: str) -> None:
    """Tell why the next failed login of this request fails, before Django's signal of it."""
    visit = visit_of(request)
    if visit is not None:
        visit.next_reason = reason


def entered_identifier(credentials: dict[str, Any]) -> str:
    """Return what was entered to identify the user, under any of the usual keys; "" if nothing was."""
    for key in (get_user_model().USERNAME_FIELD, *IDENTIFIER_KEYS):
        if value := credentials.get(key):
            return str(value)
    return ""


def find_user(identifier: str) -> Any:
    """Return the user of that name, or None, also if the database fails.

    The query is the same whether the user exists or not.
    """
    user_model: Any = get_user_model()
    if storable(identifier, len(identifier)) != identifier:
        return None  # no user has a name that databases reject
    try:
        with bounded(router.db_for_read(user_model)):
            email = user_model.get_email_field_name()
            if "@" in identifier and email != user_model.USERNAME_FIELD and _has_field(user_model, email):
                return _found_by_either(user_model, identifier, email)
            return user_model._default_manager.get_by_natural_key(identifier)
    except (user_model.DoesNotExist, ValueError, TypeError, ValidationError):
        # All but DoesNotExist: the input is not a valid value for the field. It is not logged: it may be a password.
        return None
    except Exception as error:
        report_fault("Looking for a user", error)
        return None


def _found_by_either(user_model: Any, identifier: str, email: str) -> Any:
    """Return the user of that name, else the only one with that address: anybody may enter another's address."""
    by_either = Q(**{user_model.USERNAME_FIELD: identifier}) | Q(**{f"{email}__iexact": identifier})
    found = list(user_model._default_manager.filter(by_either)[:MOST_LOOKED_AT])
    named = [user for user in found if user.get_username() == identifier]
    if named or len(found) == 1:
        return (named or found)[0]
    return None


def _has_field(model: Any, name: str) -> bool:
    return any(f.name == name for f in model._meta.concrete_fields)


def _identifier(text: str, *, is_known: bool) -> str:
    """Return a known user's name unchanged, and a keyed hash of any other text: people type passwords there."""
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
