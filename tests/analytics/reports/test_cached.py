"""Tests what reports cache, and how they treat invalid cached values."""

import json
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client

from analytics.rollups.refresh import refresh
from tests.analytics.long_log import NOW, record
from tracking.models import SecurityAlert


@pytest.mark.django_db
@pytest.mark.parametrize("rubbish", [None, 7, "text", [], {}, {"current": 1}, {"alerts": [[1]]}])
def test_rubbish_in_the_cache_costs_a_look_and_no_page(
    admin_client: Client, rubbish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(NOW)
    cache = caches["analytics"]
    asked: list[str] = []
    monkeypatch.setattr(
        type(cache), "get_or_set", lambda self, key, *args, **options: asked.append(key) or rubbish
    )

    answer = admin_client.get("/admin/analytics/")

    assert answer.status_code == 200
    assert {key.split(":")[0] for key in asked} == {"overview", "security", "people", "accounts", "marks"}


@pytest.mark.django_db
def test_what_is_cached_survives_json(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    SecurityAlert.objects.create(
        kind="spraying", ip_address="192.0.2.1", occasion="one", evidence=["no", "object"]
    )
    record(NOW, success=False)
    through_json = lambda self, key, make, *args, **options: json.loads(json.dumps(make()))  # noqa: E731
    monkeypatch.setattr(type(caches["analytics"]), "get_or_set", through_json)

    assert b"Spraying" in admin_client.get("/admin/analytics/").content


@pytest.mark.django_db
def test_a_term_that_is_gone_costs_a_name_and_no_page(admin_client: Client) -> None:
    record(NOW)
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analytics_terms WHERE value = 'Chrome'")

    assert admin_client.get("/admin/analytics/").status_code == 200
