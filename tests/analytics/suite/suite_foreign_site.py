"""Tests the dashboard in a third-party site. `test_host_site.py` runs it in a separate process."""

import datetime as dt
import random
import zoneinfo
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from analytics.reports import overview
from analytics.rollups.refresh import refresh
from tests.analytics import naive
from tests.analytics.events import any_login, write_activities
from tests.analytics.suite.questions import FILTERS, PERIODS, START
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db
ZONE = zoneinfo.ZoneInfo("America/St_Johns")


@pytest.fixture
def events() -> None:
    randomness = random.Random(3)
    LoginEvent.objects.bulk_create([any_login(randomness, START, 95) for _ in range(300)])
    write_activities(60, start=START, days=95)


@pytest.mark.parametrize("is_counted", [True, False])
def test_figures_are_those_of_the_events(events: None, is_counted: bool) -> None:
    if is_counted:
        refresh(step=50)
    for period in PERIODS.values():
        for filters in FILTERS.values():
            found = overview(period, filters)
            assert (found.totals.successes, found.totals.failures) == naive.totals(period, ZONE, filters)
            said = {
                name: {s.value: (s.logins, s.failures) for s in shares}
                for name, shares in found.shares.items()
            }
            assert said == naive.shares(period, ZONE, filters)
    assert found.events_behind == (0 if is_counted else 360)


def test_what_is_counted_can_be_verified_and_repaired(events: None) -> None:
    from analytics.models import LoginCube

    refresh()
    LoginCube.objects.filter(success=True).delete()

    call_command("verify_rollups", "--repair", stdout=StringIO())

    said = StringIO()
    call_command("verify_rollups", stdout=said)
    assert said.getvalue().count("equal") == 3


def test_the_dashboard_works(events: None, client: Client) -> None:
    model: Any = get_user_model()
    model.objects.create_superuser("root", password="pw-of-root")
    client.post("/admin/login/", {"username": "root", "password": "pw-of-root"})

    for name in ("dashboard", "panels", "data", "feed", "sessions"):
        answer = client.get(reverse(f"analytics:{name}"), {"from": "2026-01-01", "to": "2026-04-30"})
        assert answer.status_code == 200, name
    page = client.get(reverse("analytics:dashboard")).content.decode()
    assert "root" in page
    assert "Active today" in page
    system = client.get(reverse("analytics:system")).content.decode()
    assert ("Imports" in system) == apps.is_installed("importer") == (reverse("analytics:system") in page)
    assert "Caches" not in system
    user = client.get(reverse("analytics:user", args=[1])).content.decode()
    assert "logged in" in user
    file = client.get(
        reverse("analytics:download", args=["logins", "csv"]), {"from": "2026-01-01", "to": "2026-04-30"}
    )
    assert len(b"".join(file.streaming_content).splitlines()) == 301


def test_a_login_is_there_at_once(client: Client) -> None:
    model: Any = get_user_model()
    model.objects.create_superuser("root", password="pw-of-root")
    client.post("/admin/login/", {"username": "root", "password": "pw-of-root"})
    client.post("/admin/login/", {"username": "root", "password": "wrong"})

    totals = client.get(reverse("analytics:data"), {"range": "1d"}).json()["totals"]

    assert (totals["successes"], totals["failures"]) == (1, 1)


def test_moments_are_those_of_the_site(client: Client) -> None:
    moment = dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)  # the evening before, in Newfoundland
    LoginEvent.objects.bulk_create([any_login(random.Random(1), moment, 0)])
    refresh()

    from analytics.period import Period

    assert overview(Period(dt.date(2026, 2, 28), dt.date(2026, 2, 28))).totals.logins == 1
