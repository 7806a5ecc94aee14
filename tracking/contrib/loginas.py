"""Tells who acted as whom with django-loginas, which sends no signal of its own: two of its functions are wrapped."""

import functools
import sys
from typing import Any

from django.contrib.auth import SESSION_KEY

from tracking.capture.note import note_switch, visit_of
from tracking.capture.noted import ACTOR, ENDED, Switch
from tracking.capture.receivers import harmless


def connect() -> None:
    from loginas import utils

    for name, wrap in (("login_as", _noting_start), ("restore_original_login", _noting_end)):
        function = getattr(utils, name)
        if hasattr(function, "is_watched"):
            continue
        wrapper = wrap(function)
        wrapper.is_watched = True
        # Modules that were loaded before have the function under the same name.
        for module in (utils, sys.modules.get("loginas.views")):
            if module is not None:
                setattr(module, name, wrapper)


def _noting_start(login_as: Any) -> Any:
    @functools.wraps(login_as)
    def wrapper(user: Any, request: Any, store_original_user: bool = True, *args: Any, **kwargs: Any) -> Any:
        actor_id = getattr(getattr(request, "user", None), "pk", None)
        result = login_as(user, request, store_original_user, *args, **kwargs)
        if store_original_user and actor_id is not None:
            harmless(_note_start)(request, actor_id, user)
        return result

    return wrapper


def _note_start(request: Any, actor_id: Any, user: Any) -> None:
    note_switch(Switch.start(actor_id, user.pk), request)


def _noting_end(restore_original_login: Any) -> Any:
    @functools.wraps(restore_original_login)
    def wrapper(request: Any, *args: Any, **kwargs: Any) -> Any:
        visit = visit_of(request)
        session = getattr(request, "session", {})  # loginas reads it as well
        actor_id, user_id = session.get(ACTOR), session.get(SESSION_KEY)
        if visit is not None:
            visit.is_returning = actor_id is not None
        try:
            result = restore_original_login(request, *args, **kwargs)
        finally:
            if visit is not None:
                visit.is_returning = False
        if actor_id is not None:
            harmless(_note_end)(request, actor_id, user_id)
        return result

    return wrapper


def _note_end(request: Any, actor_id: Any, user_id: Any) -> None:
    """Note the end, whether loginas has logged the administrator in again or its mark had expired."""
    note_switch(Switch(ENDED, actor_id, user_id), request)
