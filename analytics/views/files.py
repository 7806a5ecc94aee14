"""Streams the events of a period as a file."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBadRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from analytics import export
from analytics.access import for_viewers
from analytics.filters import BadFilter
from analytics.period import BadPeriod
from analytics.rights import may_view
from analytics.rollups.logs import LOGS
from analytics.views.query import parsed_query
from tracking import log_activity


@require_GET
@for_viewers
def download(request: HttpRequest, log: str, format: str) -> HttpResponseBase:  # noqa: A002 (as in the address)
    """Send the events of a period as a file, and record who exported them."""
    formats = export.formats()
    try:
        _span, period, filters = parsed_query(request)
    except (BadPeriod, BadFilter) as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    source = next((one for one in LOGS if one.name == log), None)
    if source is None or format not in formats:
        raise Http404
    if not may_view(request.user, source.model):
        raise PermissionDenied
    log_activity(
        "analytics.exported",
        metadata={"log": log, "format": format, "first": str(period.first), "last": str(period.last)}
        | filters.active,
        user=request.user,
        request=request,
    )
    kind = formats[format]
    response = StreamingHttpResponse(
        export.streamed(request, kind.write(source, export.events(source, period, filters))),
        content_type=kind.content_type,
    )
    response["Content-Disposition"] = f'attachment; filename="{log}-{period.first}-{period.last}.{format}"'
    return response
