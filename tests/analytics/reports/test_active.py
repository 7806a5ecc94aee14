"""Tests that the report of active users equals a count of every event, whatever part is rolled up."""

import datetime as dt
import random
import threading
import time
import zoneinfo
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext, override_settings

from analytics.period import DAY, Period
from analytics.reports import active_users
from analytics.rollups.refresh import refresh
from analytics.rollups.sketch import estimate, sketch_of
from cortex.models import User
from tests.analytics import naive
from tests.analytics.events import LOGIN_OF_A_USER, login_event, url
from tracking.models import LoginEvent
from tracking.privacy.personal_data import erase

pytestmark = pytest.mark.django_db
# Half hours, both changes of the clock, and weeks across a year's end.
MOMENTS = {
    "America/St_Johns": dt.datetime(2026, 1, 3, 3, 10, tzinfo=dt.UTC),  # still the 2nd there
    "Asia/Kathmandu": dt.datetime(2026, 1, 2, 18, 30, tzinfo=dt.UTC),  # already the 3rd there
    "Europe/Berlin": dt.datetime(2026, 3, 29, 22, 30, tzinfo=dt.UTC),  # after the change, and on the next day
    "Australia/Lord_Howe": dt.datetime(2026, 4, 5, 12, tzinfo=dt.UTC),  # the change is of half an hour
    "America/New_York": dt.datetime(2026, 11, 1, 5, 30, tzinfo=dt.UTC),  # an hour that comes twice
}


def write(now: dt.datetime, *, number: int, days: int, seed: int) -> None:
    """Write logins up to now, many of them near the ends of days."""
    randomness = random.Random(seed)
    events = []
    for _ in range(number):
        moment = now - dt.timedelta(days=days * randomness.random() ** 2)
        if randomness.random() < 0.5:
            moment = moment.replace(
                minute=randomness.choice((0, 29, 30, 59)), second=randomness.choice((0, 59))
            )
        user_id = None if randomness.random() < 0.1 else randomness.randrange(1, 90)
        success = randomness.random() < 0.8
        events.append(login_event(min(moment, now), user_id=user_id, success=success))
    LoginEvent.objects.bulk_create(events)


def check(zone: dt.tzinfo, now: dt.datetime) -> None:
    today, logins = now.astimezone(zone).date(), naive.entries(zone)
    running = [Period(today - (days - 1) * DAY, today) for days in (1, 7, 28, 91)]
    over = [Period(today - 40 * DAY, today - 5 * DAY), Period(today - 300 * DAY, today - DAY)]
    for period in (*running, *over, Period(today, today + 3 * DAY)):
        found = active_users(period)

        assert found.today == len(naive.users_of(Period(today, today), logins))
        assert found.week == len(naive.users_of(Period(today - 6 * DAY, today), logins))
        assert found.month == len(naive.users_of(Period(today - 27 * DAY, today), logins))
        everybody, new = naive.users_of(period, logins), naive.new_users_of(period, logins)
        is_known = any(day < period.first for day, _user, _moment in logins)
        assert found.is_exact == (period not in over)
        assert found.new == (len(new) if is_known else None)
        estimated = estimate(sketch_of(everybody))
        assert found.in_period == (len(everybody) if found.is_exact else estimated)
        if is_known:
            assert found.returning == max(0, found.in_period - len(new))
        for point, users in found.series:
            end = point if period.days <= 190 else _end_of_month(point)
            part = Period(max(point, period.first), min(end, period.last))
            assert users == estimate(sketch_of(naive.users_of(part, logins)))
        assert found.is_complete


def _end_of_month(day: dt.date) -> dt.date:
    return (day + 31 * DAY).replace(day=1) - DAY


@pytest.mark.parametrize("time_zone", MOMENTS)
@pytest.mark.parametrize("counted", ["all", "half", "nothing"])
def test_it_says_what_reading_every_event_says(
    time_zone: str, counted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, zone = MOMENTS[time_zone], zoneinfo.ZoneInfo(time_zone)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    with override_settings(ANALYTICS={"TIME_ZONE": time_zone}):
        write(now, number=250, days=350, seed=1)
        if counted != "nothing":
            refresh(step=37)
        if counted == "half":
            write(now, number=150, days=350, seed=2)  # late ones among them

        check(zone, now)


def test_without_logins_nobody_is_active() -> None:
    today = dt.datetime.now(dt.UTC).date()

    found = active_users(Period(today, today))

    assert (found.today, found.week, found.month, found.in_period, found.new) == (0, 0, 0, 0, None)
    assert found.series == ((today, 0),)


def test_a_login_is_seen_as_soon_as_it_is_committed() -> None:
    now = dt.datetime.now(dt.UTC)
    LoginEvent.objects.bulk_create([login_event(now - 50 * DAY, user_id=user) for user in (1, 2)])
    refresh()
    period = Period(now.date() - 6 * DAY, now.date())

    LoginEvent.objects.bulk_create([login_event(now, user_id=user) for user in (2, 3, 3)])

    found = active_users(period)
    assert (found.today, found.week, found.month, found.new, found.returning) == (2, 2, 2, 1, 1)


def test_it_takes_few_queries_however_many_events_and_users() -> None:
    now = dt.datetime.now(dt.UTC)
    period, taken = Period(now.date() - 27 * DAY, now.date()), []
    for number in (10, 500):
        LoginEvent.objects.bulk_create(login_event(now - DAY, user_id=user + 1) for user in range(number))
        refresh()
        LoginEvent.objects.bulk_create([login_event(now, user_id=1)])
        with CaptureQueriesContext(connection) as asked:
            active_users(period)
        taken.append(len(asked))

    assert taken[0] == taken[1] <= 6


def test_too_many_logins_behind_are_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.rollups.refresh.BRIEF_STEP", 10)
    monkeypatch.setattr("analytics.rollups.refresh.BRIEF_BUDGET_SECONDS", 0.0)
    monkeypatch.setattr("analytics.reports.tail.MOST_BEHIND", 20)
    now = dt.datetime.now(dt.UTC)
    LoginEvent.objects.bulk_create(login_event(now, user_id=user) for user in range(1, 61))

    def look() -> Any:
        with override_settings(ANALYTICS={"TAIL_EVENTS": 5}):
            return active_users(Period(now.date(), now.date()))

    first = look()
    last = [look() for _ in range(5)][-1]

    assert (first.is_complete, first.today) == (False, 10)
    assert (last.is_complete, last.today) == (True, 60)


def test_retention_changes_no_figure() -> None:
    now = dt.datetime.now(dt.UTC)
    write(now, number=400, days=60, seed=3)
    periods = [
        Period(now.date() - days * DAY, now.date() - over * DAY)
        for days, over in ((30, 0), (27, 0), (50, 20))
    ]
    before = [active_users(period) for period in periods]

    with override_settings(TRACKING={"LOGIN_EVENT_DAYS": 5}):
        call_command("prune_events", stdout=StringIO())

    assert LoginEvent.objects.count() < 400
    assert [active_users(period) for period in periods] == before


@pytest.mark.parametrize("is_counted", [True, False])
def test_who_was_erased_is_no_longer_counted_as_in_the_log(is_counted: bool) -> None:
    now = dt.datetime.now(dt.UTC)
    ann = User.objects.create_user("ann@example.com", pk=5)
    write(now, number=200, days=40, seed=4)
    LoginEvent.objects.bulk_create([login_event(now, user_id=ann.pk)])
    if is_counted:
        refresh()
    period = Period(now.date() - 27 * DAY, now.date())
    before = active_users(period)

    erase(ann)

    found, logins = active_users(period), naive.entries(dt.UTC)
    assert found.today == len(naive.users_of(Period(now.date(), now.date()), logins)) == before.today - 1
    assert found.in_period == found.month == len(naive.users_of(period, logins))
    assert found.new == len(naive.new_users_of(period, logins))


@pytest.mark.django_db(transaction=True)
def test_it_is_true_with_others_writing_refreshing_and_reading_beside() -> None:
    now = dt.datetime.now(dt.UTC)
    period, is_over, committed = Period(now.date() - 6 * DAY, now.date()), threading.Event(), [0]

    def write_on() -> None:
        randomness = random.Random(1)
        with psycopg.connect(url()) as writer:
            while not is_over.is_set():
                writer.execute(LOGIN_OF_A_USER, [now - DAY * 6 * randomness.random(), committed[0] + 1, True])
                time.sleep(0.003 * randomness.random())
                writer.commit()
                committed[0] += 1  # each is another user

    def refresh_often() -> None:
        while not is_over.is_set():
            refresh(step=7, patience=0.2)
        connections.close_all()

    threads = [threading.Thread(target=write_on), *(threading.Thread(target=refresh_often) for _ in range(2))]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        at_least = committed[0]
        found = active_users(period)
        assert at_least <= found.week == found.in_period <= committed[0] + 1
    is_over.set()
    for thread in threads:
        thread.join()

    users = naive.users_of(period, naive.entries(dt.UTC))
    assert active_users(period).week == len(users)
    refresh()
    assert active_users(period).week == len(users)
