"""Tests the time axis: the marks on it against the raw rows, whose they are, and where its points lead."""

import datetime as dt
import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from analytics.dashboard.series import Axis
from analytics.panels.marks import MOST_ALERTS
from analytics.period import Period
from cortex.models import User
from importer.models import DataImportJob
from tests.analytics.events import login_event
from tracking.models import LoginEvent, SecurityAlert

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
MONTH = {"from": "2026-11-01", "to": "2026-11-28"}
MARK = re.compile(r'<a href="([^"]*)"><title>([^<]*)</title><svg x="([\d.]+)%"[^>]*an-mark-(\w+)')


@pytest.fixture(autouse=True)
def _login() -> None:
    caches["analytics"].clear()  # alerts are cached for some seconds
    LoginEvent.objects.bulk_create([login_event(NOW)])


def raise_alert(at: dt.datetime, kind: str = "spraying", **values: Any) -> SecurityAlert:
    number = SecurityAlert.objects.count()
    return SecurityAlert.objects.create(kind=kind, timestamp=at, occasion=str(number), **values)


def imported(at: dt.datetime | None, **values: Any) -> DataImportJob:
    defaults = {"spec": "cortex.users", "source": "x.csv", "format": "csv", "status": "completed"}
    return DataImportJob.objects.create(finished_at=at, **defaults | values)


def page_of(client: Client, query: dict[str, str] | None = None) -> str:
    answer = client.get("/admin/analytics/", query or MONTH)
    assert answer.status_code == 200
    return answer.content.decode()


def marks_of(page: str) -> list[tuple[str, str, float, str]]:
    return [
        (html.unescape(href), html.unescape(text), float(x), sort)
        for href, text, x, sort in MARK.findall(page)
    ]


def viewing(*rights: str) -> Client:
    user = User.objects.create_user("viewer@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_dashboard", *rights)))
    client = Client()
    client.force_login(user)
    return client


def test_alerts_of_a_day_are_one_mark_that_leads_to_all_of_them(admin_client: Client) -> None:
    for minute in range(3):
        raise_alert(NOW + dt.timedelta(minutes=minute))
    raise_alert(NOW, kind="success_after_burst")
    raise_alert(NOW, kind="new_device")
    raise_alert(NOW - dt.timedelta(days=40))

    ((href, text, x, sort),) = marks_of(page_of(admin_client))

    assert text == "4 alerts: Spraying (3), Login after a burst (1)"
    assert (x, sort) == (pytest.approx(100 * 19.5 / 28, abs=0.01), "high")
    query = parse_qs(urlsplit(href).query)
    listed = SecurityAlert.objects.filter(**{name: values[0] for name, values in query.items()})
    assert listed.count() == 5
    assert admin_client.get(href).status_code == 200


def test_one_alert_leads_to_its_page_and_stands_in_the_table(admin_client: Client) -> None:
    alert = raise_alert(NOW, kind="failure_burst", state="resolved")

    page = page_of(admin_client)

    href = f"/admin/analytics/alerts/{alert.pk}/"
    assert marks_of(page) == [(href, "Alert: Burst of failures", pytest.approx(69.64), "medium")]
    assert f'<td><a href="{href}">Alert: Burst of failures</a></td>' in page


def test_import_jobs_are_marked_where_they_ended(admin_client: Client) -> None:
    job = imported(NOW, name="old <crm>")
    imported(NOW - dt.timedelta(days=2), status="failed")
    imported(None, status="running")
    imported(NOW - dt.timedelta(days=90))

    failed, completed = marks_of(page_of(admin_client))

    assert failed[1].endswith("failed")
    assert completed[1] == f"Import: old <crm> #{job.pk} completed"
    assert completed[0] == f"/admin/importer/dataimportjob/{job.pk}/change/"
    assert failed[2] < completed[2]


def test_only_jobs_that_one_may_see_are_marked() -> None:
    client = viewing("view_dataimportjob")
    imported(NOW)
    mine = imported(NOW, created_by=User.objects.get(email="viewer@example.com"))

    ((_, text, _, _),) = marks_of(page_of(client))

    assert text == f"Import: cortex.users #{mine.pk} completed"


@pytest.mark.parametrize("right", ["view_loginevent", "view_activitylog", "view_usersession"])
def test_without_the_rights_nothing_is_marked(right: str) -> None:
    raise_alert(NOW)
    imported(NOW)

    assert marks_of(page_of(viewing(right))) == []


def test_the_newest_alerts_are_marked_and_the_page_says_so(admin_client: Client) -> None:
    SecurityAlert.objects.bulk_create(
        SecurityAlert(kind="spraying", timestamp=NOW - dt.timedelta(minutes=n), occasion=str(n))
        for n in range(MOST_ALERTS + 5)
    )

    page = page_of(admin_client)

    assert "Only the newest alerts are marked: 500." in page
    assert (
        sum(int(n) for _, text, _, _ in marks_of(page) for n in re.findall(r"\((\d+)\)", text)) == MOST_ALERTS
    )


def test_marks_take_two_queries_however_many_there_are(admin_client: Client) -> None:
    for number in range(30):
        raise_alert(NOW - dt.timedelta(days=number % 15))
        imported(NOW - dt.timedelta(days=number % 15))

    with CaptureQueriesContext(connection) as asked:
        page_of(admin_client)

    of_jobs = [
        query for query in asked if "finished_at" in query["sql"] and "data_import_jobs" in query["sql"]
    ]
    of_alerts = [query for query in asked if 'kind" IN' in query["sql"] and "state" not in query["sql"]]
    assert (len(of_jobs), len(of_alerts)) == (1, 1)


def test_a_day_of_the_table_leads_to_that_day_under_the_filters(admin_client: Client) -> None:
    page = page_of(admin_client, MONTH | {"method": "email"})

    assert '<a href="?from=2026-11-20&amp;to=2026-11-20&amp;method=email" data-go>Fri 20 Nov</a>' in page


@pytest.mark.parametrize(
    ("first", "last", "place", "span"),
    [
        ("2026-03-29", "2026-03-29", 0, ("2026-03-29", "2026-03-29")),  # of 92 slots: summer time begins
        ("2026-03-25", "2026-03-30", 5 * 24 - 2, ("2026-03-29", "2026-03-29")),
        ("2026-03-01", "2026-04-20", 50, ("2026-04-20", "2026-04-20")),
        ("2026-01-15", "2026-12-15", 0, ("2026-01-15", "2026-01-31")),
        ("2026-01-15", "2026-12-15", 11, ("2026-12-01", "2026-12-15")),
    ],
)
@override_settings(ANALYTICS={"TIME_ZONE": "Europe/Berlin"})
def test_a_place_of_the_axis_has_its_days(first: str, last: str, place: int, span: tuple[str, str]) -> None:
    period = Period(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    axis = Axis(period, period.step)

    assert tuple(axis.span(place).values()) == span
    for number in range(len(axis.starts)):
        start, end = axis.bounds(number)
        assert axis.place_of(start) == axis.place_of(end - dt.timedelta(microseconds=1)) == number
    assert 2 <= len(axis.labels) <= 9
