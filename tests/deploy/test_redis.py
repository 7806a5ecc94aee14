"""Valkey and Redis, started with deploy/redis: persistence, eviction, and the site's rights."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import override_settings

from cortex.cache import ResilientRedisCache
from tests.deploy.production import Place, Redis, installed, start_redis

SERVERS = ["valkey", "redis-server"]


def start(place: Place, server: str, kind: str, **replacements: str) -> Redis:
    return start_redis(place, kind, program=installed(server) if server != "valkey" else "", **replacements)


@pytest.fixture(params=SERVERS, scope="module")
def cache(request: pytest.FixtureRequest, deployment: Place) -> Redis:
    return start(deployment, request.param, "cache")


@pytest.fixture(params=SERVERS)
def sessions(request: pytest.FixtureRequest, deployment: Place) -> Redis:
    return start(deployment, request.param, "sessions")


def as_exporter(server: Redis) -> "redis.Redis[Any]":
    url = server.url("exporter", server.place.secret("redis_exporter_password"))
    return redis.Redis.from_url(url, decode_responses=True)


@pytest.fixture
def alias(cache: Redis) -> Iterator[ResilientRedisCache]:
    """Creates the site's cache with the site's options."""
    options = {"ALIAS": "deployed", "CONNECTION_FACTORY": "cortex.cache.redis.pool.AliasConnectionFactory"}
    made = ResilientRedisCache(cache.url(), {"KEY_PREFIX": "deployed", "TIMEOUT": 300, "OPTIONS": options})
    yield made
    made.close()


def test_the_cache_is_bounded_and_evicts_what_was_used_least(cache: Redis) -> None:
    with as_exporter(cache) as client:
        told = client.config_get("max*") | client.config_get("appendonly") | client.config_get("save")

    assert told["maxmemory"] == str(512 * 1024**2)
    assert told["maxmemory-policy"] == "allkeys-lru"
    assert told["save"]


def test_the_sessions_are_bounded_evict_nothing_and_are_written_down(sessions: Redis) -> None:
    with as_exporter(sessions) as client:
        told = client.config_get("max*") | client.config_get("append*")

    assert told["maxmemory"] == str(256 * 1024**2)
    assert told["maxmemory-policy"] == "noeviction"
    assert (told["appendonly"], told["appendfsync"]) == ("yes", "everysec")


def test_all_that_the_cache_does_is_allowed_to_it(
    alias: ResilientRedisCache, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="cortex.cache"):
        alias.set("user:1", {"name": "Ann"})
        assert alias.get("user:1") == {"name": "Ann"}
        assert alias.get_or_set("user:2", lambda: 7) == 7
        alias.set_many({"a": 1, "b": 2})
        assert alias.get_many(["a", "b"]) == {"a": 1, "b": 2}
        assert alias.add("c", 1)
        assert alias.incr("a") == 2
        assert alias.touch("b", 60)
        assert alias.ttl("b") in range(50, 61)
        assert alias.delete("b")
        alias.delete_pattern("user:*")
        assert alias.get("user:1") is None
        alias.clear()
        assert alias.get("a") is None

    assert caplog.messages == []


def test_what_tracking_streams_is_allowed_to_it(sessions: Redis) -> None:
    with redis.Redis.from_url(sessions.url()) as client:
        client.xgroup_create("events", "drain", id="0", mkstream=True)
        client.xadd("events", {"a": 1}, maxlen=1000, approximate=True)
        [[_, [(number, _)]]] = client.xreadgroup("drain", "me", {"events": ">"})
        client.xautoclaim("events", "drain", "other", min_idle_time=0)
        assert client.xack("events", "drain", number) == 1
        assert client.xinfo_groups("events")


FORBIDDEN = (
    "FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET maxmemory", "CONFIG SET maxmemory 0", "SHUTDOWN", "REPLICAOF NO ONE",
    "ACL LIST", "MONITOR", "SAVE",
)  # fmt: skip


@pytest.mark.parametrize("command", FORBIDDEN)
def test_what_empties_lists_or_stops_a_server_is_not_allowed_to_the_site(cache: Redis, command: str) -> None:
    with (
        redis.Redis.from_url(cache.url()) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command.split())


def test_the_exporter_reads_no_key(cache: Redis) -> None:
    with as_exporter(cache) as client:
        assert client.info("memory")
        assert client.execute_command("SLOWLOG LEN") >= 0
        # Entries of the slow log are commands with their keys and values.
        for command in ("SLOWLOG GET 10", "GET a", "SCAN 0", "SET a 1", "CONFIG SET maxmemory 0"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())


def test_the_health_check_can_ping_and_nothing_else(cache: Redis) -> None:
    with redis.Redis.from_url(cache.url("health", "health"), driver_info=None) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command("GET", "a")


def test_nobody_gets_in_without_a_password(cache: Redis) -> None:
    for url in (f"redis://127.0.0.1:{cache.port}/0", cache.url(password="guessed")):
        with (
            redis.Redis.from_url(url) as client,
            pytest.raises(
                redis.exceptions.RedisError,
                match=r"(?i)authentication required|already authenticated|invalid username-password",
            ),
        ):
            client.ping()


def test_sessions_outlive_a_kill(sessions: Redis) -> None:
    with redis.Redis.from_url(sessions.url()) as client:
        client.set("session", "Ann")
        time.sleep(1.5)  # `everysec`

        sessions.kill_and_start()

        assert client.get("session") == b"Ann"


@pytest.mark.parametrize("server", SERVERS)
def test_a_full_cache_takes_the_new_and_drops_the_old(deployment: Place, server: str) -> None:
    small = start(deployment, server, "cache", maxmemory_512mb="maxmemory 4mb")
    with redis.Redis.from_url(small.url()) as client, as_exporter(small) as exporter:
        fill(client)

        assert client.get("key:1999")
        assert exporter.info("stats")["evicted_keys"] > 500


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.django_db
def test_full_sessions_drop_nobody_and_people_still_get_in(deployment: Place, server: str) -> None:
    small = start(deployment, server, "sessions", maxmemory_256mb="maxmemory 4mb")
    with redis.Redis.from_url(small.url()) as client, as_exporter(small) as exporter:
        client.set("session", "Ann")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            fill(client)

        assert client.get("session") == b"Ann"
        assert exporter.info("stats")["evicted_keys"] == 0
    with override_settings(CACHES=deployed_sessions(small)):
        from django.contrib.sessions.backends.cached_db import SessionStore

        made = SessionStore()
        made["who"] = "Bob"
        made.save()

        assert SessionStore(made.session_key)["who"] == "Bob"


def fill(client: "redis.Redis[Any]") -> None:
    for number in range(2_000):
        client.set(f"key:{number}", "x" * 4_096)


def deployed_sessions(server: Redis) -> dict[str, Any]:
    from django.conf import settings

    return settings.CACHES | {"sessions": settings.CACHES["sessions"] | {"LOCATION": server.url()}}
