"""Answers `/metrics` for Prometheus with figures of all processes, read from Redis and the database.

So it does not matter which process answers, except for the breakers: each process has its own. To add metrics, write a
function that yields them and append it to COLLECTORS.
"""

import logging
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.core.cache import caches
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from cortex.monitoring import gauges

logger = logging.getLogger("cortex.monitoring.metrics")

CACHE_COUNTERS = {
    "hits": "Reads that found a fresh value.",
    "stale_hits": "Reads that got an expired value while another caller loaded a new one.",
    "misses": "Reads that found nothing. Hit rate: (hits + stale_hits) / (hits + stale_hits + misses).",
    "loads": "Loads after misses.",
    "coalesced": "Callers that waited for another caller's load.",
    "errors": "Commands to Redis that failed.",
    "bypassed": "Commands that were not sent because the breaker was open.",
    "seconds_saved": "How long the loads would have taken that hits saved.",
}


def cache_figures() -> Iterator[Metric]:
    families = {
        name: CounterMetricFamily(f"cortex_cache_{name}", help_text, labels=["alias", "group"])
        for name, help_text in CACHE_COUNTERS.items()
    }
    for cache in caches.all():
        for figures in getattr(cache, "figures", list)():
            for name, family in families.items():
                family.add_metric([figures.alias, figures.group], getattr(figures, name))
    yield from families.values()


def cache_breakers() -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "cortex_cache_breaker_open", "1: Redis is away for the process that answers.", labels=["alias"]
    )
    for alias in settings.CACHES:
        is_away = getattr(caches[alias], "is_away", None)
        if is_away is not None:
            family.add_metric([alias], is_away)
    yield family


COLLECTORS: list[Callable[[], Iterable[Metric]]] = [
    cache_figures, cache_breakers, gauges.rollups, gauges.sessions, gauges.spooled, gauges.imports, gauges.queue,
]  # fmt: skip


class SiteCollector:
    """Leaves out the metrics of a collector that fails, and reports it in `cortex_collector_ok`."""

    def collect(self) -> Iterator[Metric]:
        health = GaugeMetricFamily(
            "cortex_collector_ok",
            "0: the collector failed, and its metrics are missing.",
            labels=["collector"],
        )
        for collector in COLLECTORS:
            metrics: list[Metric] = []
            try:
                metrics = list(collector())
                health.add_metric([collector.__name__], 1)
            except Exception:
                logger.exception("The metrics of %s could not be collected.", collector.__name__)
                health.add_metric([collector.__name__], 0)
            yield from metrics
        yield health


@require_GET
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Requires METRICS_TOKEN as bearer token: 401 without it, 404 if the setting is empty."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
    ):
        return HttpResponse(
            "Send METRICS_TOKEN as bearer token.\n", status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SiteCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
