"""`/metrics`, for Prometheus: figures that all processes share, read where they are kept.

So it does not matter which process answers, save for the breakers: each has its own. To add some, write a function that
gives metrics and append it to COLLECTORS.
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
    "stale_hits": "Reads that were served a value that is over, while another caller loaded.",
    "misses": "Reads that found nothing. Hit rate: (hits + stale_hits) / (hits + stale_hits + misses).",
    "loads": "Loads that misses led to.",
    "coalesced": "Callers that waited for somebody else's load.",
    "errors": "Questions to Redis that failed.",
    "bypassed": "Questions that were not asked, since the breaker was open.",
    "seconds_saved": "What the loads would have taken that hits made needless.",
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
        "cortex_cache_breaker_open", "1: the process that answers has found Redis away.", labels=["alias"]
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
    """A collector that fails takes its own metrics away and no others; it is told by `cortex_collector_ok`."""

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
    """For who has the token; without one in the settings there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
    ):
        return HttpResponse("A token is needed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SiteCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
