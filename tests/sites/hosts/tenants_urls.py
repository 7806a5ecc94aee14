from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import include, path

from tests.tracking.hosts.urls import urlpatterns as site
from tracking import log_activity


async def streamed(request: HttpRequest) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[bytes]:
        await sync_to_async(log_activity)("thing.streamed")
        yield b"streamed"

    return StreamingHttpResponse(body())


urlpatterns = [path("streamed/", streamed), path("admin/analytics/", include("analytics.urls")), *site]
