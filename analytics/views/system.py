"""Shows the site itself: import jobs and caches."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from analytics.access import for_programs, for_viewers
from analytics.dashboard.system import system_page
from analytics.views.live import live_page, news


@require_GET
@for_viewers
def system(request: HttpRequest) -> HttpResponse:
    return live_page(request, "system", {"page": system_page(request.user)})


@require_GET
@for_programs
def panels(request: HttpRequest) -> HttpResponse:
    return news(request, "system", {"page": system_page(request.user)})
