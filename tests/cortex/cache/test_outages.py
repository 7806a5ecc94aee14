"""A Redis that refuses, swallows, delays or sends malformed replies costs callers only milliseconds."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cortex.cache import ResilientRedisCache
from cortex.cache import statistics as stats
from cortex.cache.outages.state import forget_outages
from tests.cortex.cache.caches import make_cache
from tests.cortex.cache.faulty_redis import ANSWERS, FaultyRedis

pytestmark = pytest.mark.alone

MODES = ["refuse", "swallow", "slow", *ANSWERS]


@pytest.fixture
def faulty() -> Iterator[FaultyRedis]:
    proxy = FaultyRedis(os.environ["REDIS_URL"])
    yield proxy
    proxy.close()
    forget_outages()


@pytest.fixture
def cache(faulty: FaultyRedis) -> ResilientRedisCache:
    cache = make_cache(faulty.url, "faulty")
    cache.clear()
    return cache


def everything(cache: ResilientRedisCache) -> dict[str, Any]:
    """Calls each method of Django's cache, as a page would. Returns the results."""
    return {
        "get": cache.get("users:1", "default"),
        "get_many": cache.get_many(["users:1", "users:2"]),
        "set": cache.set("users:1", "new"),
        "set_many": cache.set_many({"users:1": 1, "users:2": 2}),
        "add": cache.add("users:3", 1),
        "incr": cache.incr("counter"),
        "touch": cache.touch("users:1"),
        "has_key": cache.has_key("users:1"),
        "ttl": cache.ttl("users:1"),
        "delete": cache.delete("users:1"),
        "delete_many": cache.delete_many(["users:1"]),
        "delete_pattern": cache.delete_pattern("users:*"),
        "clear": cache.clear(),
        "get_or_set": cache.get_or_set("users:1", lambda: "loaded"),
    }


@pytest.mark.parametrize("mode", MODES)
def test_no_method_raises_or_waits(faulty: FaultyRedis, cache: ResilientRedisCache, mode: str) -> None:
    faulty.mode = mode

    began = time.monotonic()
    answers = everything(cache)
    first = time.monotonic() - began
    began = time.monotonic()
    for _ in range(20):
        everything(cache)
    later = (time.monotonic() - began) / 20

    assert answers["get"] == "default"
    assert answers["get_many"] == {}
    assert answers["get_or_set"] == "loaded"
    assert answers["delete"] is False
    assert answers["set_many"] in (["users:1", "users:2"], [])
    if mode not in ("oom", "readonly", "noauth"):
        assert first < 0.5
        assert later < 0.1


def test_each_outage_gives_a_dict_of_its_own(faulty: FaultyRedis, cache: ResilientRedisCache) -> None:
    faulty.mode = "refuse"

    cache.get_many(["a"])["a"] = "poison"

    assert cache.get_many(["a"]) == {}


def test_what_was_loaded_in_an_outage_is_kept_for_a_moment(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    faulty.mode = "refuse"
    calls: list[int] = []

    for _ in range(50):
        cache.get_or_set("users:1", lambda: calls.append(1) or "loaded")

    assert len(calls) == 1


@pytest.mark.parametrize("mode", ["refuse", "swallow", "loading"])
def test_it_is_back_within_five_seconds(faulty: FaultyRedis, cache: ResilientRedisCache, mode: str) -> None:
    faulty.mode = mode
    for _ in range(20):
        cache.get("users:1")
        time.sleep(0.05)

    faulty.mode = "pass"
    began = time.monotonic()
    while not cache.set("users:1", "x") and time.monotonic() - began < 10:
        time.sleep(0.05)

    assert time.monotonic() - began < 5
    assert cache.get("users:1") == "x"


def test_an_invalidation_that_was_lost_is_made_up_for(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    cache.set_many({"users:1:profile": "old", "lists:1": "old", "kept:1": "old", "written:1": "old"})
    faulty.mode = "refuse"
    cache.invalidate_group("users:1")
    cache.delete("lists:1")
    cache.set("written:1", "new")

    faulty.mode = "pass"
    began = time.monotonic()
    while cache.get("kept:1") != "old" and time.monotonic() - began < 5:
        time.sleep(0.05)

    assert cache.get_many(["users:1:profile", "lists:1", "kept:1", "written:1"]) == {"kept:1": "old"}


def test_there_are_no_figures_while_redis_is_away(faulty: FaultyRedis, cache: ResilientRedisCache) -> None:
    cache.get("users:1")
    cache.report_counts()
    assert [figures.group for figures in cache.figures()] == ["users"]
    assert not cache.is_away

    faulty.mode = "refuse"

    assert cache.figures() == []
    assert cache.is_away


def test_what_was_counted_in_an_outage_is_reported_after_it(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    cache.report_counts()
    cache.redis.delete(f"{stats.KEY}:{cache.alias}")
    faulty.mode = "refuse"
    for _ in range(3):
        cache.get("users:1")
    cache.report_counts()

    faulty.mode = "pass"
    began = time.monotonic()
    while not cache.figures() and time.monotonic() - began < 5:
        cache.report_counts()
        time.sleep(0.05)

    found = {figures.group: figures for figures in cache.figures()}
    assert found["users"].errors == 1
    assert found["users"].bypassed == 2


def test_a_redis_that_comes_back_but_may_not_be_written_to_is_still_away(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    faulty.mode = "refuse"
    cache.delete("users:1")
    faulty.mode = "readonly"
    time.sleep(0.6)

    assert cache.get("users:1", "default") == "default"
    assert cache.is_away


def test_a_key_of_half_characters_opens_no_breaker_and_keeps_none_open(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    key = "users:\ud800:profile"
    cache.set(key, "old")
    assert cache.get(key) == "old"
    assert not cache.is_away

    faulty.mode = "refuse"
    cache.set(key, "new")
    cache.invalidate_group("users:\ud800")
    faulty.mode = "pass"
    began = time.monotonic()
    while not cache.set("users:1", "x") and time.monotonic() - began < 10:
        time.sleep(0.05)

    assert time.monotonic() - began < 5
    assert cache.get(key) is None


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["refuse", "swallow", "loading", "oom", "readonly"])
def test_nobody_is_logged_out(faulty: FaultyRedis, mode: str, settings: Any, client: Any) -> None:
    from django.contrib.auth import get_user_model

    settings.CACHES = settings.CACHES | {
        "sessions": settings.CACHES["sessions"] | {"LOCATION": faulty.url},
    }
    user = get_user_model().objects.create_superuser("root@example.com", "x")
    client.force_login(user)
    assert client.get("/admin/").status_code == 200

    faulty.mode = mode
    for _ in range(3):
        assert client.get("/admin/").status_code == 200
    assert client.post("/admin/logout/").status_code == 200
    assert client.post("/admin/login/", {"username": "root@example.com", "password": "x"}).status_code == 302
    assert client.get("/admin/").status_code == 200
