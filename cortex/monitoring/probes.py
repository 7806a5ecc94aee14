"""What machines ask of a process: whether it lives, whether it can work, what it has counted.

Answered before all else, since they know the process by its address alone: no host name, no HTTPS, no session.
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
