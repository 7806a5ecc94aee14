"""Tells who acted as whom with django-loginas, which sends no signal of its own."""

from django.core.signing import BadSignature

from tracking.capture.impersonation import begin_in
from tracking.capture.visit import Visit, before_writing
from tracking.events import Login
from tracking.sessions.identity import peek


def connect() -> None:
    if find_impersonation not in before_writing:
        before_writing.append(find_impersonation)


def find_impersonation(visit: Visit) -> None:
    """Look for loginas' mark in the session that a login of this request has begun."""
    from loginas import settings as loginas
    from loginas.utils import signer

    logins = [noted.event for noted in visit.noted if isinstance(noted.event, Login) and noted.event.success]
    mark = peek(getattr(visit.request, "session", None), loginas.USER_SESSION_FLAG) if logins else None
    if not mark:
        return
    try:
        actor_id = signer.unsign(mark)
    except BadSignature:
        return
    begin_in(visit, actor_id, logins[-1].user_id)
