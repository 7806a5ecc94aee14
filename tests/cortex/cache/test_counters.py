"""Counters expire at their time, whenever they are added to."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync

from cortex.cache import ResilientRedisCache
from tests.cortex.cache.caches import patient_cache

ROUNDS = 1_000


@pytest.fixture
def cache() -> Iterator[ResilientRedisCache]:
    cache = patient_cache("counters")
    cache.clear()
    yield cache
    cache.clear()


def test_a_counter_that_ends_while_it_is_added_to_is_never_without_an_end(cache: ResilientRedisCache) -> None:
    """A counter may expire between GET and INCRBY. INCRBY once created it again without an expiry."""
    immortal = 0
    for number in range(ROUNDS):
        key = f"tries:{number}"
        cache.set(key, 0, timeout=0.004)
        until = time.monotonic() + 0.006
        while time.monotonic() < until:
            with contextlib.suppress(ValueError):
                cache.incr(key)
        immortal += cache.redis.ttl(cache.name(key)) == -1

    assert immortal == 0


def test_what_is_not_there_cannot_be_added_to(cache: ResilientRedisCache) -> None:
    with pytest.raises(ValueError, match="not found"):
        cache.incr("tries:nobody")
    with pytest.raises(ValueError, match="not found"):
        async_to_sync(cache.aincr)("tries:nobody")

    assert not cache.redis.exists(cache.name("tries:nobody"))


def test_many_at_once_are_all_counted(cache: ResilientRedisCache) -> None:
    cache.set("tries:many", 5)

    threads = [
        threading.Thread(target=lambda: [cache.incr("tries:many") for _ in range(100)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert cache.get("tries:many") == 405


def test_a_counter_keeps_its_end_when_it_is_added_to(cache: ResilientRedisCache) -> None:
    cache.set("tries:some", 1, timeout=50)

    assert cache.incr("tries:some", 2) == 3
    assert cache.decr("tries:some") == 2
    assert 0 < cache.redis.ttl(cache.name("tries:some")) <= 50


def test_a_touch_changes_the_end_of_a_counter_and_not_its_number(cache: ResilientRedisCache) -> None:
    cache.set("tries:some", 7, timeout=50)

    assert cache.touch("tries:some", 500)
    assert 50 < cache.redis.ttl(cache.name("tries:some")) <= 500
    assert cache.touch("tries:some", None)
    assert cache.redis.ttl(cache.name("tries:some")) == -1
    assert cache.get("tries:some") == 7
    assert not cache.touch("tries:nobody", 5)


def test_a_number_that_was_loaded_can_be_added_to(cache: ResilientRedisCache) -> None:
    assert cache.get_or_set("tries:loaded", lambda: 4, timeout=50) == 4

    assert cache.incr("tries:loaded") == 5
    assert cache.get("tries:loaded") == 5
