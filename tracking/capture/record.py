"""Records what Django has no signal for, called by the site: other logins, and activities."""

import functools
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction
from django.contrib.auth import get_user_model
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, router
from django.db.models import Count
from django.http import HttpRequest

from tracking.capture.logins import note_failure, note_success
from tracking.capture.note import note, note_switch, visit_of
from tracking.capture.noted import ENDED, Switch
from tracking.capture.requester import REQUEST_USER, user_id_of
from tracking.conf import conf
from tracking.events import Activity, storable
from tracking.health import report_fault
from tracking.models import ActivityLog, UserSession
from tracking.queries import SessionQuerySet

Function = TypeVar("Function", bound=Callable[..., Any])
ACTION_CHARACTERS = ENTITY_TYPE_CHARACTERS = 100
ENTITY_ID_CHARACTERS = 64
MOST_USERS_TOLD = 1_000


def log_login(
    user: Any = None,
    *,
    success: bool = True,
    identifier: str = "",
    login_method: str = "",
    failure_reason: str = "",
    request: HttpRequest | None = None,
) -> None:
    """Record a login that sent none of Django's signals: by an API token, a directory, a device.

    `user` or `identifier` tells whose login it is. An `identifier` that is not a user's name is stored as a keyed hash
    (of a failed login, the user is looked up by it). `login_method` and `failure_reason` are cut to 40 characters; if
    they are empty, the method is derived from the session and the user's backend, and the reason is "unknown_user",
    "bad_password" or "inactive".

    In a request that passes the middleware, `request` is known, and the event is written after the view; otherwise it
    is written at once. Never raises.
    """
    try:
        if success:
            note_success(request, user, method=login_method, identifier=str(identifier))
        else:
            note_failure(request, str(identifier), user=user, method=login_method, reason=failure_reason)
    except Exception as error:
        report_fault("Recording a login", error)


def log_activity(
    action: str,
    entity: models.Model | tuple[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    *,
    user: Any = None,
    request: HttpRequest | None = None,
) -> None:
    """Record an activity: `log_activity("pov.approved", entity=pov, metadata={"stage": 3})`.

    `action` has up to 100 characters; longer texts are cut. `entity` is a model instance, or a pair of type (up to 100
    characters) and id (up to 64). `metadata` is a dict of anything; values that JSON does not have are stored as text,
    and more than `METADATA_MAX_BYTES` are left out. `user` is a user or a primary key; the default is the user of the
    request.

    In a request that passes the middleware, the event is written after the view; otherwise at once. In a transaction
    that is rolled back it leaves no row. Never raises.
    """
    try:
        entity_type, entity_id = _named(entity)
        event = Activity(
            action=storable(str(action), ACTION_CHARACTERS),
            user_id=_who(user, request),
            entity_type=entity_type,
            entity_id=entity_id,
            metadata=_storable_metadata(metadata),
        )
        note(event, request, follows=router.db_for_write(ActivityLog))
    except Exception as error:
        report_fault("Recording an activity", error)


def log_impersonation(
    actor: Any, user: Any, *, ended: bool = False, request: HttpRequest | None = None
) -> None:
    """Record that the actor, an administrator, acts as the user from now on, or with `ended` no longer does.

    Call it after your `login(request, user)`, and at the end after your `login(request, actor)`; a logout is an end by
    itself. What `login()` has noted as a login of the user is taken back, and the session remains the actor's. For
    django-hijack and django-loginas this happens by itself. Never raises.
    """
    try:
        switch = Switch(ENDED, actor.pk, user.pk) if ended else Switch.start(actor.pk, user.pk)
        note_switch(switch, request)
    except Exception as error:
        report_fault("Recording an impersonation", error)


def end_sessions(sessions: SessionQuerySet, *, by: Any, request: HttpRequest | None = None) -> int:
    """End sessions in the name of an administrator, and record whose they were. Returns how many there were.

    Each user is an activity of the administrator, "session.ended", with the user as its entity and the number of
    sessions in its metadata; of more than a thousand users, the rest together are one without an entity.
    """
    model: Any = get_user_model()
    of_users = sessions.filter(ended_at=None).order_by().values_list("user").annotate(Count("pk"))
    counts: list[tuple[Any, int]] = list(of_users)
    ended = sessions.end(UserSession.EndReason.ENDED_BY_ADMIN)
    told = [pair for pair in counts if pair[0] is not None][:MOST_USERS_TOLD]
    for user_id, number in told:
        entity = (model._meta.label_lower, user_id)
        log_activity("session.ended", entity, {"sessions": number}, user=by, request=request)
    if rest := sum(number for _, number in counts) - sum(number for _, number in told):
        log_activity("session.ended", metadata={"sessions": rest}, user=by, request=request)
    return ended


class track_activity:  # noqa: N801 (a decorator, named as one)
    """Decorate a function or a view (sync or async), or open a block, to record an activity once it succeeds.

    The arguments are those of `log_activity`. A function or block that raises records nothing. On a function, `entity`
    may be a callable that takes the function's arguments and returns the entity. Recording never raises.

    @track_activity("report.exported")
    def export(request): ...

    with track_activity("pov.merged", entity=pov) as activity:
        activity.metadata["into"] = other.pk
    """

    def __init__(
        self, action: str, entity: Any = None, metadata: dict[str, Any] | None = None, *, user: Any = None
    ) -> None:
        self.action, self.entity, self.user = action, entity, user
        self.metadata = dict(metadata or {})

    def __enter__(self) -> "track_activity":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is None:
            log_activity(self.action, self.entity, self.metadata, user=self.user)

    def __call__(self, function: Function) -> Function:
        wrapper: Any
        if iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                answer = await function(*args, **kwargs)
                self._log_call(args, kwargs)
                return answer
        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                answer = function(*args, **kwargs)
                self._log_call(args, kwargs)
                return answer

        return wrapper

    def _log_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        entity = self.entity
        if callable(entity) and not isinstance(entity, models.Model):
            try:
                entity = entity(*args, **kwargs)
            except Exception as error:
                report_fault("Finding the entity of an activity", error)
                entity = None
        log_activity(self.action, entity, self.metadata, user=self.user)


def _who(user: Any, request: Any) -> Any:
    if user is not None:
        return getattr(user, "pk", user)
    return REQUEST_USER if visit_of(request) is not None or request is None else user_id_of(request)


def _named(entity: models.Model | tuple[str, Any] | None) -> tuple[str, str]:
    if entity is None:
        return "", ""
    kind, key = (entity._meta.label_lower, entity.pk) if isinstance(entity, models.Model) else entity
    return storable(str(kind), ENTITY_TYPE_CHARACTERS), storable(str(key), ENTITY_ID_CHARACTERS)


def _storable_metadata(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """Return the metadata as JSON that every database accepts: other types as text, too large metadata left out."""
    if not metadata:
        return {}
    try:
        text = json.dumps(metadata, cls=_LenientEncoder, skipkeys=True, ensure_ascii=False)
        size = len(text.encode("utf-8", "replace"))
        if size > conf.METADATA_MAX_BYTES:
            return {"_left_out": f"{size:,} bytes, more than METADATA_MAX_BYTES"}
        clean: dict[str, Any] = _storable_json(json.loads(text, parse_constant=str))
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        return {"_left_out": f"no JSON: {type(error).__name__}"}
    return clean


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value, len(value))
    if isinstance(value, list):
        return [_storable_json(item) for item in value]
    if isinstance(value, dict):
        return {storable(key, len(key)): _storable_json(item) for key, item in value.items()}
    return value


class _LenientEncoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        try:
            return super().default(o)
        except TypeError:
            return str(o)
