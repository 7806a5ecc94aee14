"""Refuses ended sessions before the view, and writes the noted events after it."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase

from tracking import tenancy
from tracking.capture.visit import Visit, current


class TrackingMiddleware:
    """One middleware for sync and async sites. Put it after AuthenticationMiddleware.

    Before the view it signs out sessions that were ended elsewhere. After the view, outside its transaction and before
    the response is sent, it writes the events that were noted. Never raises anything of its own.

    An ordinary request costs no query, and does not load its session.
    """

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
        tenant = tenancy.enter(request)
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
            tenancy.leave(tenant)

    async def _in_async(self, request: HttpRequest) -> HttpResponseBase:
        # Never left: a request is a task of its own, and a streamed body is made after the middleware.
        tenancy.enter(request)
        visit = Visit.of(request)
        # Another thread only if the database has to be queried; most requests do without.
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
            else:
                visit.close()
