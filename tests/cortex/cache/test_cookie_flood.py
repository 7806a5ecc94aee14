"""A flood of odd cookies at the real site, which must not store anything of them."""

import os
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from tests.cortex.browser import Browser
from tests.cortex.cache.conftest import METRICS_TOKEN, Site

pytestmark = pytest.mark.alone

REQUESTS = 2_000
KILOBYTE = 1_024
PATHS = ("/accounts/login/", "/admin/login/", "/", "/admin/analytics/", "/admin/analytics/data.json")


def odd_cookies(number: int) -> Iterator[str]:
    """Yields different cookies, most of 7 kB."""
    for count in range(number):
        own = uuid.uuid4().hex
        yield (
            f"sessionid={own * 218}:x",
            f"sessionid=users:{own}:{'y' * 7_000}",
            f"sessionid={own}",  # a key like Django's own
            f"sessionid={own}\\000",
            f'sessionid="a\\054b{own}\\303\\237"',
            f"csrftoken={own * 218}",
            f"cortex_device={own * 218}:x:y",
            f"messages={own * 218}",
            f"django_language={own}; {own}={own * 100}",
        )[count % 9]


@pytest.fixture
def store(site: Site) -> Any:
    return redis.Redis.from_url(os.environ["REDIS_URL"])


def figures(browser: Browser) -> str:
    return browser.get("/metrics", Authorization=f"Bearer {METRICS_TOKEN}").text


def test_two_thousand_odd_cookies_leave_nothing(site: Site, store: Any) -> None:
    def send(cookie: str, path: str) -> int:
        return site.browser().get(path, Cookie=cookie).status

    def memory() -> int:
        return sum(worker.memory_info().rss for worker in site.workers()) // KILOBYTE

    warm = [send(cookie, PATHS[number % len(PATHS)]) for number, cookie in enumerate(odd_cookies(200))]
    metrics, used, keys, resident = (
        len(figures(site.browser())),
        store.info("memory"),
        store.dbsize(),
        memory(),
    )

    with ThreadPoolExecutor(4) as pool:
        paths = (PATHS[number % len(PATHS)] for number in range(REQUESTS))
        statuses = [*pool.map(send, odd_cookies(REQUESTS), paths)]

    assert set(warm + statuses) <= {200, 302, 401}
    assert len(figures(site.browser())) < metrics + 2 * KILOBYTE
    assert store.dbsize() <= keys + 10
    assert store.info("memory")["used_memory"] < used["used_memory"] + 500 * KILOBYTE
    assert memory() < resident + 20 * KILOBYTE
    labels = set(re.findall(r'group="([^"]*)"', figures(site.browser())))
    assert all(len(label) <= 30 for label in labels)
    assert site.sql("SELECT count(*) FROM django_session") == [(0,)]
