"""The cache's statistics stay small, whatever visitors put into keys."""

import time
from collections.abc import Iterator

import pytest

from cortex.cache import ResilientRedisCache
from cortex.cache import statistics as stats
from tests.cortex.cache.caches import patient_cache


@pytest.fixture
def cache() -> Iterator[ResilientRedisCache]:
    cache = patient_cache("labels")
    start_anew(cache)
    yield cache
    start_anew(cache)


def start_anew(cache: ResilientRedisCache) -> None:
    cache.clear()
    cache.report_counts()
    cache.redis.delete(sums(cache))


def sums(cache: ResilientRedisCache) -> str:
    return f"{stats.KEY}:{cache.alias}"


@pytest.mark.parametrize(
    "head",
    ["x" * 4_000, "Users", "a.b", "a b", "ünïcode", "\ud800", "\0", "1", "", "django.contrib.sessions"],
)
def test_what_is_no_name_in_code_is_no_label(cache: ResilientRedisCache, head: str) -> None:
    cache.get(f"{head}:x")
    cache.report_counts()

    assert [figures.group for figures in cache.figures()] == ["-"]


def test_there_are_only_so_many_labels(cache: ResilientRedisCache) -> None:
    for number in range(10 * stats.MOST_LABELS):
        cache.get(f"{'abcdefghij'[number % 10]}{'k' * (number // 10 + 1)}:x")
        if number % 3 == 0:
            cache.report_counts()  # as many processes would, each with its own labels
    cache.report_counts()

    assert cache.redis.hlen(sums(cache)) <= stats.MOST_FIELDS + len(stats.COUNTERS)
    assert sum(figures.misses for figures in cache.figures()) == 10 * stats.MOST_LABELS


def test_figures_have_an_end(cache: ResilientRedisCache) -> None:
    cache.get("users:x")
    cache.report_counts()
    first = cache.redis.pttl(sums(cache))
    time.sleep(0.05)
    cache.get("users:x")
    cache.report_counts()

    assert 0 < first <= stats.KEPT_SECONDS * 1_000
    assert cache.redis.pttl(sums(cache)) < first, "reports must not postpone the expiry"


def test_what_an_earlier_release_let_grow_goes_away(cache: ResilientRedisCache) -> None:
    cache.redis.hset(sums(cache), mapping={f"invented{number}|miss": 1 for number in range(5_000)})

    cache.get("users:x")
    cache.report_counts()

    assert [(figures.group, figures.misses) for figures in cache.figures()] == [("users", 1)]


def test_each_alias_is_counted_in_its_own_redis(cache: ResilientRedisCache) -> None:
    other = patient_cache("elsewhere")
    start_anew(other)
    cache.get("users:x")
    other.get("users:x")

    cache.report_counts()

    assert cache.redis.exists(sums(cache))
    assert not cache.redis.exists(sums(other))
    other.report_counts()
    assert other.redis.exists(sums(other))
    start_anew(other)
