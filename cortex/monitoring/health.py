"""`/healthz`: the process answers. `/readyz`: it can do its work, which needs the database.

A Redis that is away is told but fails nothing: the site goes on without it, and a load balancer that took every machine
away for it would make an outage of a slowdown.
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
    told = {"database": database} | {name: _state_of(alias) for name, alias in ALIASES.items()}
    is_ready = database == "ok"
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready"} | told, status=200 if is_ready else 503
    )


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (Error, ImproperlyConfigured):
        return False
    return True


def _state_of(alias: str) -> str:
    """A cache within the process has nothing that could be away. Redis is asked through its breaker, so briefly."""
    cache = caches[alias]
    if not isinstance(cache, ResilientRedisCache):
        return "ok"
    cache.touch("health")  # there is no such key; unlike a read it counts for nothing in the hit rate
    return "away" if cache.is_away else "ok"
