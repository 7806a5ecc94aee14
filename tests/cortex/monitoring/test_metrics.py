import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from cortex import tasks
from cortex.monitoring import metrics
from importer.models import DataImportJob
from tests.analytics.events import login_event
from tests.paths import PROJECT
from tracking.models import LoginEvent

TOKEN = "a token for tests"


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def samples(client: Client) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_without_a_token_in_the_settings_there_is_no_such_page(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", TOKEN, f"Bearer {TOKEN}x", "Bearer ü"])
def test_who_has_not_the_token_learns_nothing(client: Client, given: str) -> None:
    answer = client.get("/metrics", headers={"authorization": given})

    assert answer.status_code == 401
    assert b"cortex_" not in answer.content


@pytest.mark.django_db
def test_hits_and_misses_are_told_by_alias_and_group(client: Client) -> None:
    cache: Any = caches["lists"]
    cache.report_counts()
    before = samples(client)
    for _ in range(4):
        cache.get_or_set("metrics:first", lambda: "value")
    cache.report_counts()

    after = samples(client)

    labels = ("lists", "metrics")
    for name, more in (("hits", 3), ("misses", 1), ("loads", 1)):
        sample = (f"cortex_cache_{name}_total", *labels)
        assert after[sample] - before.get(sample, 0) == more
    assert after["cortex_cache_breaker_open", "lists"] == 0


@pytest.mark.django_db
def test_a_collector_that_fails_takes_only_its_own_metrics_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[Metric]:
        raise RuntimeError("the table is missing")
        yield

    monkeypatch.setattr(metrics, "COLLECTORS", [broken, *metrics.COLLECTORS])

    found = samples(client)

    assert found["cortex_collector_ok", "broken"] == 0
    assert found["cortex_collector_ok", "cache_breakers"] == 1
    assert ("cortex_cache_breaker_open", "lists") in found


def test_the_caches_figures_ask_nothing_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-django forbids queries here. Reading the figures of `sessions` once counted as reading a session."""
    cache: Any = caches["sessions"]
    monkeypatch.setattr(cache.entries.server.outbox, "_look_at", 0.0)

    assert list(metrics.cache_figures())


@pytest.mark.django_db
def test_what_the_database_knows_is_told_too(client: Client) -> None:
    DataImportJob.objects.create(spec="x", source="y", format="csv")
    LoginEvent.objects.bulk_create([login_event(dt.datetime.now(dt.UTC)) for _ in range(4)])

    found = samples(client)

    assert found["cortex_import_jobs", "pending"] == 1
    assert found[("cortex_rollups_behind_events",)] == 4
    assert found[("cortex_open_sessions",)] == 0
    assert {found["cortex_collector_ok", collector.__name__] for collector in metrics.COLLECTORS} == {1}


@pytest.mark.django_db
@pytest.mark.django_db
def test_whatever_an_alert_asks_for_is_told(client: Client) -> None:
    """Except the metrics that the backup writes."""
    rules = (PROJECT / "deploy/prometheus/rules/cortex.yml").read_text()
    asked = set(re.findall(r"\bcortex_(?!backup|restore|checksum|web|exporter)\w+", rules))
    tasks.refresh_rollups.defer(timestamp=0)

    assert len(asked) >= 5
    assert asked <= {name for name, *_ in samples(client)}


def test_caches_without_figures_have_no_metrics(client: Client, settings: Any) -> None:
    local = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    settings.CACHES = {"default": local, "sessions": local}

    found = samples(client)

    assert [name for name, *_ in found if name.startswith("cortex_cache")] == []
    assert found["cortex_collector_ok", "cache_figures"] == 1
