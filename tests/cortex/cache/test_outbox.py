"""Logouts while Redis is away hold for every process, even if the process that handled them is killed."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.db import connection, transaction

from cortex.cache import ResilientRedisCache
from cortex.cache.outages import outbox
from cortex.cache.outages.state import forget_outages
from cortex.models import LostKey
from tests.cortex.cache.caches import make_cache
from tests.cortex.cache.conftest import Site, wait_until
from tests.cortex.cache.faulty_redis import FaultyRedis


@pytest.fixture
def faulty() -> Iterator[FaultyRedis]:
    proxy = FaultyRedis(os.environ["REDIS_URL"])
    yield proxy
    proxy.close()
    forget_outages()


@pytest.fixture
def cache(faulty: FaultyRedis) -> ResilientRedisCache:
    return make_cache(faulty.url, "sessions", GROUPS=False, OUTBOX=True)


def names() -> list[str]:
    return list(LostKey.objects.order_by("pk").values_list("name", flat=True))


@pytest.mark.alone
def test_a_logout_during_an_outage_counts_although_its_process_was_killed(site: Site) -> None:
    ann, bob = site.logged_in(), site.logged_in()
    for browser in (ann, bob) * 4:
        assert browser.is_logged_in()
    cookies = dict(ann.cookies)

    site.redis.mode = "refuse"
    assert ann.log_out().status == 200
    site.kill_workers()
    site.redis.mode = "pass"

    ann.cookies = cookies  # like a thief who has copied them
    for _ in range(20):
        assert not ann.is_logged_in()
        assert bob.is_logged_in()
    wait_until(lambda: bob.is_logged_in() and site.sql("SELECT count(*) FROM cache_outbox") == [(0,)])
    assert not ann.is_logged_in()


@pytest.mark.alone
def test_what_a_process_loses_after_another_is_back_is_made_up_for(
    site: Site, faulty: FaultyRedis, settings: Any
) -> None:
    """This process, whose breaker stays open for longer, handles a logout and is gone."""
    ann, bob = site.logged_in(), site.logged_in()
    site.redis.mode = "refuse"
    for _ in range(6):
        assert bob.is_logged_in()
    site.redis.mode = "pass"
    wait_until(lambda: bob.is_logged_in() and ann.is_logged_in())
    time.sleep(4)
    for _ in range(6):
        assert ann.is_logged_in()  # both workers read from Redis again

    key = ann.cookies["sessionid"]
    site.sql(f"DELETE FROM django_session WHERE session_key = '{key}' RETURNING 1")
    address = site.redis.url.rpartition("@")[2]
    name = f"sessions:1:{SessionStore.cache_key_prefix}{key}"
    site.sql(
        f"INSERT INTO cache_outbox (server, name, noted_at) VALUES ('{address}', '{name}', now()) RETURNING 1"
    )

    assert wait_until(lambda: bob.is_logged_in() and not ann.is_logged_in(), seconds=8) < 4


@pytest.mark.django_db
def test_what_is_lost_is_noted_and_what_is_filled_in_again_is_not(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    faulty.mode = "refuse"

    assert cache.get("read") is None
    cache.set("read", "as it is in the database")
    cache.set("written", "new")
    cache.delete("deleted")

    assert names() == [cache.name("written"), cache.name("deleted")]
    cache.set("read", "changed")
    assert names()[2:] == [cache.name("read")]


@pytest.mark.django_db
def test_other_aliases_leave_no_rows(faulty: FaultyRedis, cache: ResilientRedisCache) -> None:
    other = make_cache(faulty.url, "lists")
    faulty.mode = "refuse"

    other.delete("k")

    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_a_logout_that_is_rolled_back_is_none(faulty: FaultyRedis, cache: ResilientRedisCache) -> None:
    faulty.mode = "refuse"

    def log_out() -> None:
        with transaction.atomic():
            cache.delete("session")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        log_out()

    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_the_database_breaks_neither_the_logout_nor_its_transaction(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    faulty.mode = "refuse"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cache_outbox RENAME TO cache_outbox_gone")
    try:
        with transaction.atomic():
            assert cache.delete("session") is False
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        assert cache.delete("session") is False
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE cache_outbox_gone RENAME TO cache_outbox")


@pytest.mark.django_db(transaction=True)
def test_a_process_reads_it_before_it_trusts_redis_for_the_first_time(
    faulty: FaultyRedis, cache: ResilientRedisCache
) -> None:
    cache.set("session", "of somebody who has logged out")
    address = cache.entries.server.address
    LostKey.objects.create(server=address, name=cache.name("session"))
    forget_outages()  # as in a process that has just started

    fresh = make_cache(faulty.url, "sessions", GROUPS=False, OUTBOX=True)

    assert fresh.get("session") is None
    assert len(names()) == 1
    fresh.close()
    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_nothing_is_asked_of_the_database_at_the_end_of_an_ordinary_request(
    cache: ResilientRedisCache, django_assert_num_queries: Any
) -> None:
    cache.set("session", "x")
    cache.get("session")  # the first read of its process
    cache.close()

    with django_assert_num_queries(0):
        for _ in range(20):
            cache.get("session")
            cache.set("session", "y")
            cache.close()


@pytest.mark.django_db(transaction=True)
def test_more_than_a_batch_is_made_up_for(
    faulty: FaultyRedis, cache: ResilientRedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    cache.set_many({str(number): number for number in range(5)})
    address = cache.entries.server.address
    for number in range(5):
        LostKey.objects.create(server=address, name=cache.name(str(number)))
    forget_outages()

    fresh = make_cache(faulty.url, "sessions", GROUPS=False, OUTBOX=True)

    assert fresh.get_many([str(number) for number in range(5)]) == {}
    for _ in range(3):
        fresh.close()
    assert names() == []
