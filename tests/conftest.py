import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    if apps.is_installed("cortex"):
        from cortex.cache.outages.breaker import forget_breakers
        from cortex.cache.outages.copies import forget_copies

        # An outage that one test met ends with it.
        forget_breakers()
        forget_copies()
    cache.clear()


@pytest.fixture(autouse=True)
def _fresh_tracking() -> None:
    """Forget what tracking remembers: a pause after one test's fault would spool the next test's events."""
    if apps.is_installed("tracking"):
        from tracking import state

        state.forget()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """For one module at a time: while Playwright runs, the thread has an event loop, which is in other tests' way."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("There is no Chromium on this machine: the browser tests are left out.")
    # Playwright runs an event loop in this thread, which Django would take for an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_OPTIONS))
        yield found
        found.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
