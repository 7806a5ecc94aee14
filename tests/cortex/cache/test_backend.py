"""The cache on a real server: Django's contract, groups, stampedes, and the stored bytes."""

import datetime as dt
import decimal
import os
import pickle
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse

from cortex.cache import ResilientRedisCache, envelope
from cortex.cache import statistics as stats
from cortex.cache.serializer import dumps, loads
from cortex.cache.steps import take
from tests.cortex.cache.caches import patient_cache

Value = Any


@pytest.fixture
def cache() -> Iterator[ResilientRedisCache]:
    cache = patient_cache()
    cache.clear()
    yield cache
    cache.clear()


VALUES: list[Value] = [
    None, True, 0, -7, 10**15, 1.5, "", "text ü", [1, [2]], (1, (2,)), {"a": {"b": 1}}, {1: "int key"}, {"$": "tag"},
    {1, 2}, frozenset("a"), b"\x00\xff", dt.date(2026, 11, 25), dt.datetime(2026, 11, 25, 1, 2, 3, 4, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 25), dt.time(1, 2), dt.timedelta(days=-1, microseconds=5), decimal.Decimal("5.100"),
    uuid.UUID(int=7), dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))), range(3),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(cache: ResilientRedisCache, value: Value) -> None:
    cache.set("a:key", value)

    found = cache.get("a:key", "missing")
    assert found == value
    assert type(found) is type(value)


def test_a_response_is_cached_too(cache: ResilientRedisCache) -> None:
    cache.set("page", HttpResponse("hello"))

    assert cache.get("page").content == b"hello"


@pytest.mark.parametrize(
    "planted", [pickle.dumps("rubbish"), b"\x01", b"\x01" * 40, b"P" + b"x" * 80, b"\xff" * 100, b"12x", b""]
)
def test_what_this_site_did_not_write_is_a_miss(cache: ResilientRedisCache, planted: bytes) -> None:
    cache.redis.set(cache.name("users:1"), planted)

    assert cache.get("users:1", "missing") == "missing"
    assert cache.get_or_set("users:1", lambda: "loaded") == "loaded"


def test_no_pickle_of_a_stranger_is_loaded(cache: ResilientRedisCache, tmp_path: Any) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "evil"),))

    payload = pickle.dumps(Evil())
    stamps = take(cache.entries.stamps_of("users:1"), cache.redis)
    whole = envelope.pack(b"", fresh_until=time.time() + 60, load_seconds=0.0, stamps=stamps)
    assert isinstance(whole, bytes)
    for forged in (payload, b"P" + payload, whole + b"P" + b"\x00" * 32 + payload, whole + payload):
        cache.redis.set(cache.name("users:1"), forged)
        assert cache.get("users:1", "missing") == "missing"

    assert not (tmp_path / "evil").exists()


def test_a_secret_that_was_replaced_still_opens_what_it_signed(settings: Any) -> None:
    data = dumps(range(3))

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-secret" * 5, [settings.SECRET_KEY]

    assert loads(data) == range(3)


def test_the_contract_of_django(cache: ResilientRedisCache) -> None:
    assert cache.add("k", 1)
    assert not cache.add("k", 2)
    assert cache.incr("k", 5) == 6
    assert cache.decr("k") == 5
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nothing")
    assert cache.set_many({"a": 1, "b": None}) == []
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": None}
    assert cache.has_key("b")
    assert "c" not in cache
    assert cache.touch("a", 50)
    assert 40 <= (cache.ttl("a") or 0) <= 50
    assert not cache.touch("c")
    assert cache.delete("a")
    assert not cache.delete("a")
    assert cache.delete_many(["b", "c"]) == 1
    cache.set("gone", 1, timeout=0)
    assert cache.get("gone") is None
    cache.set("for ever", "x", timeout=None)
    assert cache.ttl("for ever") is None
    cache.set("v", "one", version=1)
    assert cache.get("v", version=2) is None


def test_a_value_is_over_when_its_time_is(cache: ResilientRedisCache) -> None:
    cache.set("k", "x", timeout=0.1)
    time.sleep(0.15)

    assert cache.get("k") is None
    assert cache.add("k", "y")


def test_a_group_is_invalidated_by_one_write(cache: ResilientRedisCache) -> None:
    cache.set_many({"users:1:profile": "a", "users:1:povs": "b", "users:2:profile": "c", "lists:1": "d"})

    cache.invalidate_group("users:1")
    assert cache.get_many(["users:1:profile", "users:1:povs", "users:2:profile", "lists:1"]) == {
        "users:2:profile": "c",
        "lists:1": "d",
    }

    cache.invalidate_group("users")
    assert cache.get("users:2:profile") is None
    assert cache.get("lists:1") == "d"


def test_a_number_that_was_loaded_is_invalidated_with_its_group(cache: ResilientRedisCache) -> None:
    assert cache.get_or_set("povs:number", lambda: 1) == 1
    assert cache.incr("povs:number", 4) == 5
    assert cache.get("povs:number") == 5

    cache.invalidate_group("povs")

    assert cache.get_or_set("povs:number", lambda: 2) == 2
    assert cache.get_or_set("counter", 10) == 10
    assert cache.incr("counter") == 11


def test_what_is_invalidated_while_it_is_loaded_is_not_kept(cache: ResilientRedisCache) -> None:
    def load() -> str:
        cache.invalidate_group("users:1")  # another process changes the row that we have just read
        return "old"

    assert cache.get_or_set("users:1:profile", load) == "old"

    assert cache.get("users:1:profile") is None


def test_a_pattern_deletes_what_fits_and_nothing_of_others(cache: ResilientRedisCache) -> None:
    other = patient_cache("other")
    other.set("users:1", "theirs")
    cache.set_many({"users:1": "a", "users:2": "b", "lists:1": "c", "users[1]": "d"})

    assert cache.delete_pattern("users:?") == 2
    assert sorted(cache.get_many(["users:1", "lists:1", "users[1]"])) == ["lists:1", "users[1]"]
    cache.clear()
    assert cache.get("lists:1") is None
    assert other.get("users:1") == "theirs"
    other.clear()


def test_a_hundred_callers_of_a_cold_key_load_once(cache: ResilientRedisCache) -> None:
    loads_made: list[int] = []
    answers: list[str] = []
    start = threading.Barrier(100)

    def load() -> str:
        loads_made.append(1)
        time.sleep(0.2)
        return "value"

    def call() -> None:
        # Every second call behaves like another process: it shares the lock, but not the flight.
        mine = patient_cache()
        start.wait()
        answers.append(mine.get_or_set("cold:key", load))

    threads = [threading.Thread(target=call) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == ["value"] * 100
    assert len(loads_made) == 1


def test_another_process_that_loads_is_waited_for(cache: ResilientRedisCache) -> None:
    cache.redis.set(f"{cache.name('cold:key')}:lock", "another", px=5_000)
    threading.Timer(0.2, lambda: cache.set("cold:key", "theirs")).start()

    assert cache.get_or_set("cold:key", lambda: "ours") == "theirs"


def test_a_lock_whose_owner_died_holds_nobody_up_for_long(cache: ResilientRedisCache) -> None:
    cache.redis.set(f"{cache.name('cold:key')}:lock", "dead", px=60_000)
    began = time.monotonic()

    assert cache.get_or_set("cold:key", lambda: "ours") == "ours"
    assert time.monotonic() - began < 4


def test_what_is_over_is_served_while_one_caller_loads(cache: ResilientRedisCache) -> None:
    cache.get_or_set("k", lambda: "old", timeout=0.2)
    time.sleep(0.25)
    entered, leave = threading.Event(), threading.Event()

    def load() -> str:
        entered.set()
        leave.wait(5)
        return "new"

    loader = threading.Thread(target=lambda: cache.get_or_set("k", load, timeout=60))
    loader.start()
    assert entered.wait(5)
    assert cache.get_or_set("k", lambda: "never", timeout=60) == "old"
    leave.set()
    loader.join()

    assert cache.get("k") == "new"


def test_where_loading_fails_what_there_was_is_served(cache: ResilientRedisCache) -> None:
    cache.get_or_set("k", lambda: "old", timeout=0.2)
    time.sleep(0.25)

    def load() -> str:
        raise RuntimeError("the database is away")

    assert cache.get_or_set("k", load, timeout=0.2) == "old"
    with pytest.raises(RuntimeError):
        cache.get_or_set("cold", load)


def test_a_failed_load_is_tried_again_by_those_who_waited(cache: ResilientRedisCache) -> None:
    calls: list[int] = []

    def load() -> str:
        calls.append(1)
        if len(calls) == 1:
            time.sleep(0.1)
            raise RuntimeError("once")
        return "value"

    answers: list[Any] = []

    def call() -> None:
        try:
            answers.append(cache.get_or_set("k", load))
        except RuntimeError:
            answers.append("failed")

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["failed", "value", "value", "value", "value"]


def test_a_dear_value_is_loaded_before_it_is_over(cache: ResilientRedisCache) -> None:
    entry = envelope.Envelope("x", time.time() + 1.0, 10.0, ())

    assert sum(entry.is_due() for _ in range(200)) > 100
    assert not any(envelope.Envelope("x", time.time() + 60, 0.001, ()).is_due() for _ in range(200))


def test_hits_misses_and_seconds_saved_are_counted(cache: ResilientRedisCache) -> None:
    cache.report_counts()
    cache.redis.delete(f"{stats.KEY}:{cache.alias}")

    for _ in range(4):
        cache.get_or_set("users:1:x", lambda: time.sleep(0.02) or "value")
    cache.get("users:2:x")
    cache.report_counts()

    (figures,) = cache.figures()
    assert (figures.group, figures.hits, figures.misses, figures.loads) == ("users", 3, 2, 1)
    assert figures.hit_rate == 0.6
    assert figures.seconds_saved >= 0.06
