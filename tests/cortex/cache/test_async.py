"""The asynchronous methods on a real event loop: no threads, the same values, and outages as in threads."""

import asyncio
import gc
import os
import threading
import time
import warnings
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from cortex.cache import ResilientRedisCache
from cortex.cache.outages.state import forget_outages
from cortex.cache.redis import loops
from tests.cortex.cache.caches import make_cache, patient_cache
from tests.cortex.cache.faulty_redis import ANSWERS, FaultyRedis


@pytest.fixture
def cache() -> Iterator[ResilientRedisCache]:
    cache = patient_cache()
    cache.clear()
    yield cache
    cache.clear()


@pytest.fixture
def faulty() -> Iterator[FaultyRedis]:
    proxy = FaultyRedis(os.environ["REDIS_URL"])
    yield proxy
    proxy.close()
    forget_outages()


def test_threads_and_coroutines_read_what_the_other_wrote(cache: ResilientRedisCache) -> None:
    async def coroutines() -> None:
        assert await cache.aget("users:1:a") == ("sync", 1)
        assert await cache.aget_or_set("users:1:a", lambda: "never") == ("sync", 1)
        assert await cache.aset("users:1:b", {"async": 2})

    cache.set("users:1:a", ("sync", 1))
    asyncio.run(coroutines())

    assert cache.get_many(["users:1:a", "users:1:b"]) == {"users:1:a": ("sync", 1), "users:1:b": {"async": 2}}


def test_the_contract_of_django_awaited(cache: ResilientRedisCache) -> None:
    async def contract() -> None:
        assert await cache.aadd("k", 1)
        assert not await cache.aadd("k", 2)
        assert await cache.aincr("k", 5) == 6
        assert await cache.adecr("k") == 5
        with pytest.raises(ValueError, match="not found"):
            await cache.aincr("nothing")
        assert await cache.aset_many({"a": 1, "b": None}) == []
        assert await cache.aget_many(["a", "b", "c"]) == {"a": 1, "b": None}
        assert await cache.ahas_key("b")
        assert not await cache.ahas_key("c")
        assert await cache.atouch("a", 50)
        assert await cache.adelete("a")
        assert not await cache.adelete("a")
        assert await cache.adelete_many(["b", "c"]) == 1
        await cache.aset("users:1:x", "old")
        await cache.ainvalidate_group("users:1")
        assert await cache.aget("users:1:x", "missing") == "missing"

    asyncio.run(contract())


def test_a_hundred_coroutines_load_once_and_in_no_thread(cache: ResilientRedisCache) -> None:
    loads: list[str] = []

    async def load() -> str:
        loads.append(threading.current_thread().name)
        await asyncio.sleep(0.2)
        return "value"

    async def crowd() -> list[str]:
        before = threading.active_count()
        answers = await asyncio.gather(*(cache.aget_or_set("cold:key", load) for _ in range(100)))
        assert threading.active_count() == before
        return answers

    assert asyncio.run(crowd()) == ["value"] * 100
    assert loads == [threading.current_thread().name]


def test_who_waits_for_another_process_does_not_hold_up_the_loop(cache: ResilientRedisCache) -> None:
    cache.redis.set(f"{cache.name('cold:key')}:lock", "another", px=5_000)

    async def wait() -> tuple[str, int]:
        turns, waiting = 0, asyncio.create_task(cache.aget_or_set("cold:key", lambda: "ours"))
        while not waiting.done():
            turns += 1
            await asyncio.sleep(0.01)
            if turns == 20:
                await cache.aset("cold:key", "theirs")
        return await waiting, turns

    value, turns = asyncio.run(wait())
    assert value == "theirs"
    assert turns >= 20


def test_where_the_one_who_loads_is_cancelled_another_loads(cache: ResilientRedisCache) -> None:
    loaders: list[Any] = []

    async def load() -> str:
        loaders.append(asyncio.current_task())
        await asyncio.sleep(0.3)
        return "value"

    async def crowd() -> list[Any]:
        tasks = [asyncio.create_task(cache.aget_or_set("cold:key", load)) for _ in range(10)]
        while not loaders:
            await asyncio.sleep(0.01)
        loaders[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    began = time.monotonic()
    answers = asyncio.run(crowd())

    assert sum(isinstance(answer, asyncio.CancelledError) for answer in answers) == 1
    assert answers.count("value") == 9
    assert len(loaders) == 2
    assert time.monotonic() - began < 1.5  # the lock was released; nobody waited for its expiry


def test_where_loading_fails_each_tries_for_itself(cache: ResilientRedisCache) -> None:
    async def load() -> str:
        raise RuntimeError("the database is away")

    async def crowd() -> list[Any]:
        calls = [cache.aget_or_set("cold:key", load) for _ in range(3)]
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(crowd())] == [RuntimeError] * 3


def test_a_loop_takes_its_connections_with_it(cache: ResilientRedisCache) -> None:
    async def one() -> None:
        await cache.aset("k", 1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            asyncio.run(one())
        gc.collect()

    assert loops._kept == {}


def test_a_loop_that_was_closed_without_more_ado_is_forgotten(cache: ResilientRedisCache) -> None:
    async def one() -> Any:
        return await cache.aget("k")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(one())
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about connections that are still open
        asyncio.run(one())
        gc.collect()

    assert loop not in loops._kept


def timed(work: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return asyncio.run(work), time.monotonic() - began


@pytest.mark.alone
@pytest.mark.parametrize("mode", ["refuse", "swallow", *ANSWERS])
def test_no_method_raises_or_waits_for_long(faulty: FaultyRedis, mode: str) -> None:
    cache = make_cache(faulty.url, "faulty")

    async def everything() -> dict[str, Any]:
        return {
            "get": await cache.aget("users:1", "default"),
            "get_many": await cache.aget_many(["users:1", "users:2"]),
            "set": await cache.aset("users:1", "new"),
            "add": await cache.aadd("users:3", 1),
            "touch": await cache.atouch("users:1"),
            "delete": await cache.adelete("users:1"),
            "delete_many": await cache.adelete_many(["users:1"]),
            "invalidate": await cache.ainvalidate_group("users"),
            "get_or_set": await cache.aget_or_set("users:1", lambda: "loaded"),
        }

    faulty.mode = mode
    answers, first = timed(everything())
    _, later = timed(everything())

    assert answers["get"] == "default"
    assert answers["get_many"] == {}
    assert answers["get_or_set"] == "loaded"
    assert answers["delete"] is False
    if mode not in ("oom", "readonly", "noauth"):
        assert first < 0.5
        assert later < 0.1


@pytest.mark.alone
@pytest.mark.parametrize("mode", ["refuse", "swallow"])
def test_an_invalidation_that_was_lost_is_made_up_for_by_coroutines(faulty: FaultyRedis, mode: str) -> None:
    cache = make_cache(faulty.url, "faulty")
    cache.set_many({"users:1:profile": "old", "lists:1": "old", "kept:1": "old"})

    async def outage() -> dict[str, Any]:
        faulty.mode = mode
        await cache.ainvalidate_group("users:1")
        await cache.adelete("lists:1")
        faulty.mode = "pass"
        began = time.monotonic()
        while await cache.aget("kept:1") != "old" and time.monotonic() - began < 5:
            await asyncio.sleep(0.05)
        return await cache.aget_many(["users:1:profile", "lists:1", "kept:1"])

    assert asyncio.run(outage()) == {"kept:1": "old"}
