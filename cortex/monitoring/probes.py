"""Answers probes and Prometheus before any other middleware runs.

They know the process only by its address, so their requests have no host name, no HTTPS and no session.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from cortex.monitoring.health import healthz, readyz
from cortex.monitoring.metrics import metrics

PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def answer_probes(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        return PROBES.get(request.path_info, get_response)(request)

    return middleware
