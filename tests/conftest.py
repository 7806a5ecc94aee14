import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)

# The same examples in every run, so that only a change can fail the suite. `make test-long` draws others.
# A machine that is busy is no fault of the code.
PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis_settings.register_profile("repeatable", derandomize=True, **PATIENT)
hypothesis_settings.register_profile("random", **PATIENT)
hypothesis_settings.load_profile("repeatable")

# Modules that take longest, so that no process of a parallel run is left with one of them at the end.
LONGEST = (
    "tests/importer/test_foreign_site.py",
    "tests/importer/parse/test_poison_files.py",
    "tests/importer/executors/test_machines.py",
    "tests/importer/parse/test_damaged_files.py",
    "tests/deploy/test_site.py",
    "tests/importer/sources/test_remote_sources.py",
    "tests/analytics/browser/test_dashboard.py",
    "tests/importer/work/test_kills.py",
    "tests/importer/management/test_commands.py",
    "tests/tracking/test_host_sites.py",
    "tests/deploy/test_bodies.py",
    "tests/importer/test_rights.py",
    "tests/cortex/embedded/test_services_command.py",
    "tests/importer/work/test_pipeline_against_django.py",
    "tests/importer/validate/test_lanes.py",
    "tests/importer/real_tables/test_catalogue.py",
    "tests/cortex/test_demo.py",
    "tests/importer/real_tables/test_repeated_keys.py",
    "tests/cortex/embedded/test_servers.py",
    "tests/importer/order/test_source_order.py",
    "tests/deploy/test_backup.py",
    "tests/cortex/test_hostile_addresses.py",
    "tests/cortex/signon/test_limits.py",
    "tests/importer/work/test_every_call_may_fail.py",
    "tests/importer/write/test_collisions.py",
    "tests/analytics/rollups/test_refresh.py",
    "tests/cortex/test_links_by_role.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        module = item.nodeid.partition("::")[0]
        return LONGEST.index(module) if module in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    if apps.is_installed("cortex"):
        from cortex.cache.outages.state import forget_outages

        # An outage ends with the test that caused it.
        forget_outages()
    cache.clear()


@pytest.fixture(autouse=True)
def _fresh_tracking() -> None:
    """Forget what tracking remembers: a pause after one test's fault would spool the next test's events."""
    if apps.is_installed("tracking"):
        from tracking import state

        state.forget()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Starts a browser for one module. While Playwright runs, its event loop in this thread breaks other tests."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("There is no Chromium on this machine: skipping the browser tests.")
    # Playwright runs an event loop in this thread, which Django would take for an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_OPTIONS))
        yield found
        found.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
