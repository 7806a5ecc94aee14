"""Tests a site without USE_TZ: days, hours and moments are those of its own clock."""

import datetime as dt
import zoneinfo
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from analytics.rollups.refresh import refresh
from tests.tracking.suite.conftest import PASSWORD, make_user
from tracking import log_activity
from tracking.models import ActivityLog, LoginEvent, UserSession
from tracking.words import day_text

pytestmark = pytest.mark.django_db
ZONE = "Pacific/Kiritimati"


def local_now() -> dt.datetime:
    return dt.datetime.now(zoneinfo.ZoneInfo(ZONE)).replace(tzinfo=None)


@pytest.fixture
def root(client: Client) -> Client:
    make_user("root@example.com", is_staff=True, is_superuser=True)
    client.post("/login/", {"username": "root@example.com", "password": PASSWORD})
    client.post("/login/", {"username": "root@example.com", "password": "wrong"})
    return client


def test_rows_have_the_time_of_the_clock_on_the_wall(root: Client) -> None:
    event = LoginEvent.objects.latest("pk")
    session = UserSession.objects.get()

    assert abs(event.timestamp - local_now()) < dt.timedelta(minutes=1)
    assert abs(session.started_at - local_now()) < dt.timedelta(minutes=1)
    assert session.is_open
    assert abs(session.expires_at - session.started_at - dt.timedelta(days=14)) < dt.timedelta(minutes=1)


@pytest.mark.parametrize("is_counted", [True, False])
def test_today_is_the_day_of_that_clock(root: Client, is_counted: bool) -> None:
    if is_counted:
        refresh()
    today = local_now().date().isoformat()

    data = root.get(reverse("analytics:data"), {"from": today, "to": today}).json()

    assert (data["totals"]["successes"], data["totals"]["failures"]) == (1, 1)
    assert data == root.get(reverse("analytics:data"), {"range": "1d"}).json() | {"as_of": data["as_of"]}
    hours = data["hours"][local_now().weekday()]
    assert sum(map(sum, hours)) == 2
    assert sum(hours[local_now().hour]) == 2 or local_now().minute == 0


def german(day: dt.date) -> str:
    with translation.override("de"):
        return day_text(day)


def test_the_page_names_the_sites_zone_and_shows_its_clock(root: Client) -> None:
    page = root.get(reverse("analytics:dashboard")).content.decode()

    assert ZONE in page
    assert "UTC" not in page
    moments = [local_now() - dt.timedelta(minutes=ago) for ago in (0, 1)]
    assert any(f"{german(moment)}, {moment:%H:%M}" in page for moment in moments)
    clocks = {f"{local_now() - dt.timedelta(minutes=ago):%H:%M}:" for ago in (0, 1)}
    assert any(f'<span data-part="as_of" hidden>{clock}' in page for clock in clocks)


def test_lists_links_and_files_hold(root: Client) -> None:
    log_activity("thing.done", user=1)
    for name in ("loginevent", "activitylog", "usersession", "securityalert"):
        assert root.get(f"/admin/tracking/{name}/").status_code == 200
    page = root.get("/admin/tracking/loginevent/").content.decode()
    assert page.count('<th class="field-timestamp') == 2
    user = root.get(reverse("analytics:user", args=[1])).content.decode()
    assert german(local_now()) in user
    file = root.get(reverse("analytics:download", args=["logins", "csv"]), {"range": "1d"})
    assert len(b"".join(file.streaming_content).splitlines()) == 3
    assert root.get("/devices/").status_code == 200


def test_an_ended_session_is_refused(root: Client) -> None:
    UserSession.objects.all().end("ended_by_admin")

    assert root.get("/who/").content == b"nobody"


def test_commands_count_days_by_that_clock(root: Client, settings: Any) -> None:
    LoginEvent.objects.update(timestamp=local_now() - dt.timedelta(days=2))
    ActivityLog.objects.all().delete()
    refresh()
    settings.TRACKING = settings.TRACKING | {"LOGIN_EVENT_DAYS": 3}
    call_command("prune_events", stdout=StringIO())
    assert LoginEvent.objects.count() == 2
    said = StringIO()
    call_command("verify_rollups", stdout=said)
    assert "logins: equal" in said.getvalue()

    settings.TRACKING = settings.TRACKING | {"LOGIN_EVENT_DAYS": 1}
    call_command("prune_events", stdout=StringIO())
    assert LoginEvent.objects.count() == 0
