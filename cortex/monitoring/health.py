"""Answers `/healthz` (the process responds) and `/readyz` (it can work, which needs the database).

`/readyz` reports a Redis that is away, but stays ready: the site works without it. A load balancer that removed every
machine would turn a slowdown into an outage.
"""

from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from cortex.cache import ResilientRedisCache

ALIASES = {"cache": "default", "sessions": "sessions"}


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    database = "ok" if _database_answers() else "away"
    states = {"database": database} | {name: _state_of(alias) for name, alias in ALIASES.items()}
    is_ready = database == "ok"
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready"} | states, status=200 if is_ready else 503
    )


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (Error, ImproperlyConfigured):
        return False
    return True


def _state_of(alias: str) -> str:
    """Returns "ok" or "away". A cache in the process's memory is always ok; Redis is asked through its breaker."""
    cache = caches[alias]
    if not isinstance(cache, ResilientRedisCache):
        return "ok"
    cache.touch("health")  # this key does not exist; unlike a read, it does not change the hit rate
    return "away" if cache.is_away else "ok"
