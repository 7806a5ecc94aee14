"""Makes connections with short time-outs, and one pool for each alias.

django-redis shares one pool among all aliases with the same URL, with the options of whichever alias came first.
redis-py waits five seconds for a Redis that does not answer.
"""

from typing import Any, ClassVar

from django_redis.pool import ConnectionFactory
from redis import asyncio as redis_asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError  # noqa: A004
from redis.retry import Retry

# How long one page may wait for a frozen Redis. The breaker makes sure that it is only one page.
TIMEOUT_SECONDS = 0.15
# A loop may have thousands of coroutines that ask at once. They share these connections, and wait at most so long.
ASYNC_CONNECTIONS, ASYNC_TURN_SECONDS = 50, 1.0


class AliasConnectionFactory(ConnectionFactory[Any, Any, Any]):
    """The value of django-redis' option CONNECTION_FACTORY. Reads the alias' own name from the option ALIAS."""

    _alias_pools: ClassVar[dict[str, Any]] = {}

    def make_connection_params(self, url: str) -> dict[str, Any]:
        return {
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            # One retry, only for a connection that went stale in the pool, never after a time-out.
            "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
            "health_check_interval": 0,
        } | super().make_connection_params(url)

    def get_or_create_connection_pool(self, params: dict[str, Any]) -> Any:
        name = f"{self.options.get('ALIAS', '')} {params['url']}"
        if name not in self._alias_pools:
            self._alias_pools[name] = self.get_connection_pool(params)
        return self._alias_pools[name]

    def connect_async(self, url: str) -> Any:
        """Returns a client for the running event loop."""
        params = self.make_connection_params(url) | self.pool_cls_kwargs
        params |= {"retry": AsyncRetry(NoBackoff(), 1, supported_errors=(ConnectionError,))}
        params |= {"max_connections": ASYNC_CONNECTIONS, "timeout": ASYNC_TURN_SECONDS}
        del params["parser_class"]  # it reads from blocking sockets
        pool = redis_asyncio.BlockingConnectionPool.from_url(params.pop("url"), **params)
        return redis_asyncio.Redis.from_pool(pool)
