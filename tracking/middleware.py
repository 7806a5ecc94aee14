"""One middleware, sync and async. It stands after AuthenticationMiddleware.

Before the view it refuses sessions that were ended elsewhere; after it, outside the view's transaction and before the
answer leaves, it writes what was noted. An ordinary request costs neither a query nor the loading of its session.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase

from tracking.capture.visit import Visit, current


class TrackingMiddleware:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        return self._in_async(request) if self.is_async else self._in_sync(request)

    def _in_sync(self, request: HttpRequest) -> HttpResponseBase:
        visit = Visit.of(request)
        visit.begin()
        before = current.set(visit)
        response: HttpResponseBase | None = None
        try:
            response = self.get_response(request)
            return response
        finally:
            current.reset(before)
            visit.finish(response)

    async def _in_async(self, request: HttpRequest) -> HttpResponseBase:
        visit = Visit.of(request)
        # Another thread only where there is something to ask: most requests have nothing.
        if visit.needs_database_first:
            await sync_to_async(visit.begin)()
        else:
            visit.begin()
        before = current.set(visit)
        response: HttpResponseBase | None = None
        try:
            response = await self.get_response(request)
            return response
        finally:
            current.reset(before)
            if visit.needs_database_afterwards:
                await sync_to_async(visit.finish)(response)
