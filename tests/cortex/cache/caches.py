"""Creates caches for tests."""

import os
from typing import Any

from cortex.cache import ResilientRedisCache
from tests.throwaway_services import PATIENCE


def make_cache(url: str, alias: str = "test", **options: Any) -> ResilientRedisCache:
    factory = "cortex.cache.redis.pool.AliasConnectionFactory"
    params = {
        "KEY_PREFIX": alias,
        "TIMEOUT": 300,
        "OPTIONS": {"ALIAS": f"{alias}-{url}", "CONNECTION_FACTORY": factory} | options,
    }
    return ResilientRedisCache(url, params)


def patient_cache(alias: str = "test", **options: Any) -> ResilientRedisCache:
    """Creates a cache on the Redis of this test run, with long time-outs for a busy machine."""
    return make_cache(os.environ["REDIS_URL"], alias, **PATIENCE, **options)
