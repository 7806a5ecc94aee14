"""Ends the WebSockets of a session that was ended, and tells logins and logouts over them, for channels.

Every connection that passes channels' AuthMiddleware is watched; nothing has to be added to `asgi.py`. When its session
is ended, the client gets the close code 4401, and the consumer a disconnect. With a session that was ended before, one
connects as nobody, as over HTTP.
"""

import asyncio
import contextlib
import functools
from importlib import import_module
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from tracking.capture.scope import current_scope
from tracking.conf import conf
from tracking.health import report_fault
from tracking.sessions.identity import SESSION_ID, SIGNED_COOKIES
from tracking.sessions.revocations import is_revoked, revocations

CLOSE_CODE = 4401  # of the range for applications, after HTTP's 401
# With REVOCATION_SECONDS near 0, a silent connection would do nothing but look.
SHORTEST_WAIT_SECONDS = 1.0


def connect() -> None:
    from channels.auth import AuthMiddleware

    if not hasattr(AuthMiddleware.__call__, "is_watched"):
        AuthMiddleware.__call__ = _watching(AuthMiddleware.__call__)


def _watching(call: Any) -> Any:
    @functools.wraps(call)
    async def wrapper(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        if scope.get("type") != "websocket":
            return await call(self, scope, receive, send)
        token = token_of(scope)
        if token and await is_ended(token):
            scope, token = dict(scope, session=_empty_session()), ""
        before = current_scope.set(scope)
        connection = Connection(token, receive, send)
        try:
            return await call(self, scope, connection.receive, connection.send)
        finally:
            current_scope.reset(before)
            connection.stop()

    wrapper.is_watched = True  # type: ignore[attr-defined]
    return wrapper


class Connection:
    """One WebSocket: hands messages on until its session is ended."""

    def __init__(self, token: str, receive: Any, send: Any) -> None:
        self._token, self._receive, self._send = token, receive, send
        self._next: asyncio.Future[Any] | None = None  # the message that is waited for, across several looks
        self._receiving = asyncio.Lock()
        self._is_closed = False

    async def receive(self) -> Any:
        """Return the next message; instead of one that came after the session's end, a disconnect."""
        if not self._token:
            return await self._receive()
        async with self._receiving:
            while True:
                if await is_ended(self._token):
                    await self._close()
                    return {"type": "websocket.disconnect", "code": CLOSE_CODE}
                if self._next is None:
                    self._next = asyncio.ensure_future(self._receive())
                wait = max(SHORTEST_WAIT_SECONDS, conf.REVOCATION_SECONDS)
                await asyncio.wait([self._next], timeout=wait)
                # A message that has waited for a moment is looked at before it is handed on.
                if self._next.done() and not await is_ended(self._token):
                    message, self._next = self._next.result(), None
                    return message

    async def send(self, message: Any) -> None:
        if not self._is_closed:
            await self._send(message)

    def stop(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.cancel()

    async def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(Exception):  # the client may be gone
                await self._send({"type": "websocket.close", "code": CLOSE_CODE})


async def is_ended(token: str) -> bool:
    """Tell whether the session was ended, after a query if it is time for one. Never raises."""
    try:
        if revocations.here.is_due:
            await sync_to_async(revocations.here.refresh)()
        return is_revoked(token)
    except Exception as error:
        report_fault("Looking for ended sessions", error)
        return False


def token_of(scope: Any) -> str:
    """Return what identifies the connection's session, as `sessions.identity.token_of` does for a request."""
    if settings.SESSION_ENGINE != SIGNED_COOKIES:
        return str(scope.get("cookies", {}).get(settings.SESSION_COOKIE_NAME, ""))
    session = scope.get("session")
    data = getattr(session, "_session_cache", {}) if session is not None else {}
    return str(data.get(SESSION_ID, ""))


def _empty_session() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore()
