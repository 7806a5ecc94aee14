"""Tests that the overview equals a count of every event, whatever part is rolled up."""

import datetime as dt
import zoneinfo
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from analytics.filters import Filters
from analytics.period import DAY, Period
from analytics.reports import overview
from analytics.rollups.refresh import refresh
from tests.analytics import naive
from tests.analytics.events import login_event, write_activities, write_logins
from tests.analytics.long_log import NOW, WHOLE, record
from tests.analytics.suite.questions import FILTERS, PERIODS, START
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db
# The default suite looks at these; `pytest -m long` at all others.
FEW_ZONES = {
    ("UTC", "all"), ("Europe/Berlin", "half"), ("Asia/Kathmandu", "half"), ("America/St_Johns", "nothing")
}  # fmt: skip


def check(period: Period, filters: Filters, zone: dt.tzinfo) -> None:
    found = overview(period, filters)

    assert (found.totals.successes, found.totals.failures) == naive.totals(period, zone, filters)
    before = naive.totals(period.previous(), zone, filters)
    assert (found.previous.successes, found.previous.failures) == before
    assert sum(p.successes for p in found.series) == found.totals.successes
    assert sum(p.failures for p in found.series) == found.totals.failures
    said = {
        name: {share.value: (share.logins, share.failures) for share in shares}
        for name, shares in found.shares.items()
    }
    assert said == naive.shares(period, zone, filters)
    assert {a.action: a.activities for a in found.actions} == naive.actions(period, zone)
    if found.hours is not None:
        cells = {
            (weekday, hour, success): number
            for weekday, row in enumerate(found.hours)
            for hour, cell in enumerate(row)
            for success, number in zip((True, False), cell, strict=True)
            if number
        }
        assert cells == naive.hours(period, zone, filters)


@pytest.mark.parametrize(
    ("time_zone", "counted"),
    [
        pytest.param(zone, counted, marks=[] if (zone, counted) in FEW_ZONES else [pytest.mark.long])
        for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns")
        for counted in ("all", "half", "nothing")
    ],
)
def test_it_says_what_reading_every_event_says(time_zone: str, counted: str) -> None:
    zone = zoneinfo.ZoneInfo(time_zone)
    with override_settings(ANALYTICS={"TIME_ZONE": time_zone}):
        write_logins(250, start=START, days=95)
        write_activities(60, start=START, days=95)
        if counted != "nothing":
            refresh(step=37)
        if counted == "half":
            write_logins(150, start=START, days=95, seed=2)
            write_activities(30, start=START, days=95, seed=2)

        for period in PERIODS.values():
            for filters in FILTERS.values():
                check(period, filters, zone)


def test_it_takes_at_most_ten_queries_cold_and_three_warm() -> None:
    write_logins(200, start=START, days=95)
    refresh()
    for period in PERIODS.values():
        for filters in FILTERS.values():
            caches["analytics"].clear()
            with CaptureQueriesContext(
                connection,
            ) as cold:
                overview(period, filters)
            with CaptureQueriesContext(connection) as warm:
                overview(period, filters)
            assert len(cold) <= 10
            assert len(warm) == 3


def test_an_event_is_seen_as_soon_as_it_is_committed() -> None:
    period = PERIODS["week"]
    write_logins(50, start=START, days=95)
    refresh()
    before = overview(period)

    LoginEvent.objects.bulk_create([login_event(dt.datetime(2026, 3, 25, 12, tzinfo=dt.UTC), user_id=900)])

    after = overview(period)
    assert after.totals.logins == before.totals.logins + 1
    assert after.totals.users == (before.totals.users or 0) + 1
    assert after.events_behind == 1


def test_past_a_number_of_events_a_look_moves_the_rollups_on() -> None:
    write_logins(30, start=START, days=95)

    with override_settings(ANALYTICS={"TAIL_EVENTS": 10}):
        found = overview(PERIODS["three quarters"])

    assert found.totals.logins == 30
    assert found.events_behind == 0


def test_too_many_events_behind_are_said_to_be_missing(
    client: Client, admin_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.rollups.refresh.BRIEF_STEP", 10)
    monkeypatch.setattr("analytics.rollups.refresh.BRIEF_BUDGET_SECONDS", 0.0)  # one step, as if it were slow
    monkeypatch.setattr("analytics.reports.read.MOST_BEHIND", 20)
    write_logins(60, start=START, days=95)

    with override_settings(ANALYTICS={"TAIL_EVENTS": 5}):
        first = overview(PERIODS["three quarters"])
        client.force_login(admin_user)
        page = client.get("/admin/analytics/").content.decode()
        for _ in range(4):
            last = overview(PERIODS["three quarters"])

    assert (first.is_complete, first.events_behind, first.totals.logins) == (False, 50, 10)
    assert "events are not counted yet" in page
    assert (last.is_complete, last.totals.logins) == (True, 60)


def test_users_are_counted_about_once_each() -> None:
    moment = dt.datetime(2026, 3, 25, 12, tzinfo=dt.UTC)
    LoginEvent.objects.bulk_create(
        [login_event(moment + DAY * (number % 4), user_id=1 + number % 5_000) for number in range(15_000)]
    )
    refresh()

    found = overview(PERIODS["week"]).totals.users or 0

    assert abs(found - 5_000) < 5_000 * 3 * 0.023


def test_a_period_that_is_not_over_is_compared_with_one_up_to_the_same_time(monkeypatch: Any) -> None:
    noon = dt.datetime(2026, 3, 25, 12, 5, tzinfo=dt.UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: noon)
    a_week_ago = [noon - 7 * DAY + dt.timedelta(hours=hours) for hours in (-2, -1, 1, 2, 3)]
    LoginEvent.objects.bulk_create([login_event(moment) for moment in [*a_week_ago, noon]])
    refresh()

    found = overview(Period(noon.date(), noon.date()))

    assert found.totals.logins == 1
    assert found.previous.logins == 2
    assert sum(point.previous for point in found.series) == 2  # the line ends at the present


def test_what_has_too_many_values_is_counted_as_other() -> None:
    moment = dt.datetime(2026, 3, 25, 12, tzinfo=dt.UTC)
    LoginEvent.objects.bulk_create(
        [login_event(moment, browser=f"Invented {number:04}") for number in range(400)]
    )
    refresh()
    LoginEvent.objects.bulk_create([login_event(moment, browser=f"Later {number}") for number in range(50)])
    refresh()

    shares = overview(PERIODS["week"]).shares["browser"]

    assert shares[0].value == "(other)"
    assert shares[0].logins == 200
    assert len(shares) == 251
    assert overview(PERIODS["week"], Filters(browser="(other)")).totals.logins == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "filters"), [(1, Filters()), (20, Filters()), (20, Filters(browser="Chrome")), (60, Filters())]
)
def test_the_period_before_is_the_same_before_and_after_the_rollups(days: int, filters: Filters) -> None:
    period = Period(NOW.date() - (days - 1) * DAY, NOW.date())
    yesterday = NOW - days * DAY
    record(*[yesterday + dt.timedelta(minutes=minutes) for minutes in range(-55, 60, 5)])

    before = overview(period, filters).previous
    refresh()

    assert overview(period, filters).previous == before


@pytest.mark.django_db
def test_a_period_that_ends_in_the_future_is_compared_with_as_many_days() -> None:
    now = dt.datetime.now(dt.UTC)  # NOW may be in the previous hour by now
    record(*[now - number * DAY for number in range(20)])
    refresh()

    found = overview(Period(now.date() - 4 * DAY, now.date() + 5 * DAY))

    assert found.totals.logins == 5
    assert found.previous.logins == 4  # the fifth came at exactly this time of day


@pytest.mark.django_db
def test_what_counts_as_other_does_so_before_and_after_the_rollups() -> None:
    record(*[NOW] * 2, browser="Known")
    refresh()
    LoginEvent.objects.bulk_create([login_event(NOW, browser=f"Invented {n:03}") for n in range(300)])
    refresh()
    record(NOW, browser="Zeta")

    def figures() -> list[int]:
        wanted = (Filters(browser="Zeta"), Filters(browser="(other)"), Filters(browser="Known"))
        return [overview(WHOLE, filters).totals.logins for filters in wanted]

    before = figures()
    refresh()

    assert before == figures() == [0, 52, 2]


@pytest.mark.parametrize("days", [1, 3, 7, 28, 30, 91, 364])
def test_a_period_is_compared_with_the_same_weekdays(days: int) -> None:
    for last in (dt.date(2026, 1, 3), dt.date(2026, 11, 30)):  # across a year's end as well
        period = Period(last - dt.timedelta(days=days - 1), last)
        before = period.previous()

        assert before.days == days
        assert before.last < period.first
        assert (period.first - before.first).days % 7 == 0
        assert (period.first - before.last).days <= 7


def test_steady_logins_of_working_days_have_not_changed() -> None:
    """20 weekdays beside 22 made it a loss."""
    monday = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
    LoginEvent.objects.bulk_create(
        login_event(monday + dt.timedelta(days=day)) for day in range(140) if day % 7 < 5 for _ in range(2)
    )
    refresh()
    for days in (1, 7, 28, 30, 45):
        last = dt.date(2026, 5, 20)
        found = overview(Period(last - dt.timedelta(days=days - 1), last))
        assert found.previous.logins == found.totals.logins, days
        assert found.is_comparable


@pytest.mark.parametrize("is_counted", [True, False])
def test_without_records_before_there_is_no_comparison(is_counted: bool) -> None:
    LoginEvent.objects.bulk_create(
        login_event(dt.datetime(2026, 3, day, 9, tzinfo=dt.UTC)) for day in range(3, 30)
    )
    if is_counted:
        refresh()

    assert not overview(Period(dt.date(2026, 3, 16), dt.date(2026, 3, 29))).is_comparable
    assert overview(Period(dt.date(2026, 3, 17), dt.date(2026, 3, 29))).is_comparable


def test_months_are_compared_with_the_months_of_the_same_name() -> None:
    """364 days before 1 December is 2 December: a month may begin in the period and not in the one before."""
    last = dt.date(2026, 11, 30)
    period = Period(last - dt.timedelta(days=363), last)
    LoginEvent.objects.bulk_create(
        login_event(dt.datetime(year, month, 15, tzinfo=dt.UTC))
        for year in (2025, 2026)
        for month in range(1, 12)
        for _ in range(month)
    )
    refresh()

    points = {point.start.month: point for point in overview(period).series if point.start.year == 2026}

    assert all(points[month].previous == month for month in range(1, 12))
