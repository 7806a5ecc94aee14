"""Tests that each event is counted once, despite slow commits, concurrent refreshes and kills."""

import datetime as dt
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import override_settings

from analytics.models import LoginCube, LoginSlot, RollupPosition
from analytics.period import Period
from analytics.reports import overview
from analytics.rollups.refresh import refresh
from analytics.rollups.verify import verify
from tests.analytics.events import INSERT, login_event, url, write_activities, write_logins
from tests.paths import PROJECT
from tracking.models import LoginEvent

START = dt.datetime(2026, 2, 20, tzinfo=dt.UTC)
PERIOD = Period(dt.date(2026, 2, 1), dt.date(2026, 4, 30))


def equal() -> bool:
    return not any(log.differences for log in verify())


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url()) as found:
        yield found


@pytest.mark.django_db
def test_it_counts_what_is_new_and_nothing_twice() -> None:
    write_logins(500, start=START, days=50)
    write_activities(100, start=START, days=50)

    first, again = refresh(step=100), refresh()

    successes = LoginEvent.objects.filter(success=True).count()
    assert [log.events for log in first] == [500, 100, successes]
    assert [log.events for log in again] == [0, 0, 0]
    assert equal()


@pytest.mark.django_db
def test_an_event_that_comes_late_counts_for_its_own_day() -> None:
    write_logins(50, start=START, days=50)
    refresh()
    LoginEvent.objects.bulk_create([login_event(START + dt.timedelta(days=1))])
    refresh()

    found = overview(Period(START.date() + dt.timedelta(days=1), START.date() + dt.timedelta(days=1)))

    assert found.events_behind == 0
    assert equal()


@pytest.mark.django_db(transaction=True)
def test_a_slower_transaction_with_a_lower_id_is_waited_for(other: psycopg.Connection[Any]) -> None:
    other.execute(INSERT, [START, True])  # has its id, but is not committed
    LoginEvent.objects.bulk_create([login_event(START)])

    early = refresh(patience=0.1)
    seen = overview(PERIOD).totals.logins
    other.commit()
    late = refresh()

    assert (early[0].events, early[0].is_complete) == (0, False)
    assert seen == 1
    assert (late[0].events, late[0].is_complete) == (2, True)
    assert overview(PERIOD).totals.logins == 2


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_refresh_to_write(other: psycopg.Connection[Any]) -> None:
    other.execute(INSERT, [START, True])
    waiting = threading.Thread(target=lambda: [refresh(patience=1.0), connections.close_all()])
    waiting.start()
    time.sleep(0.1)

    began = time.monotonic()
    LoginEvent.objects.bulk_create([login_event(START)])
    took = time.monotonic() - began

    other.commit()
    waiting.join()
    assert took < 0.5


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_that_keeps_to_its_first_sight_nothing_is_counted() -> None:
    LoginEvent.objects.bulk_create([login_event(START)])
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert refresh()[0].is_complete is False
    assert refresh()[0].events == 1


class Writers:
    """Write in transactions of varying length, some of which are rolled back, until stopped."""

    def __init__(self, number: int) -> None:
        self.is_over = threading.Event()
        self.committed = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write, args=(seed,)) for seed in range(number)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.is_over.set()
        for thread in self._threads:
            thread.join()

    def _write(self, seed: int) -> None:
        randomness = random.Random(seed)
        with psycopg.connect(url()) as connection:
            while not self.is_over.is_set():
                events = randomness.randrange(1, 6)
                for _ in range(events):
                    moment = START + dt.timedelta(days=50 * randomness.random())
                    connection.execute(INSERT, [moment, randomness.random() < 0.8])
                    time.sleep(0.004 * randomness.random())
                if randomness.random() < 0.2:
                    connection.rollback()
                    continue
                connection.commit()
                with self._lock:
                    self.committed += events


@pytest.mark.django_db(transaction=True)
def test_it_is_true_with_others_writing_refreshing_and_reading_beside() -> None:
    def refresh_often() -> None:
        while not writers.is_over.is_set():
            refresh(step=7, patience=0.2)
        connections.close_all()

    with Writers(4) as writers:
        refreshers = [threading.Thread(target=refresh_often) for _ in range(2)]
        for thread in refreshers:
            thread.start()
        until, seen = time.monotonic() + 4, 0
        while time.monotonic() < until:
            at_least = writers.committed
            seen = overview(PERIOD).totals.logins
            assert seen >= at_least
    for thread in refreshers:
        thread.join()

    assert overview(PERIOD).totals.logins == writers.committed == LoginEvent.objects.count()
    refresh()
    assert overview(PERIOD).events_behind == 0
    assert overview(PERIOD).totals.logins == writers.committed
    assert equal()


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_again_and_again_it_counts_each_event_once() -> None:
    write_logins(2_000, start=START, days=50)
    command = [sys.executable, "manage.py", "refresh_rollups", "--step", "20", "--skip-checks"]
    environment = os.environ | {"DATABASE_URL": url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    randomness, kills = random.Random(), 0
    for _ in range(5):
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
        position = _position()
        while process.poll() is None and _position() == position:
            time.sleep(0.005)
        time.sleep(0.3 * randomness.random())
        kills += process.poll() is None
        process.kill()
        process.wait()
    refresh()

    assert kills >= 2
    assert overview(PERIOD).totals.logins == 2_000
    assert equal()


def _position() -> int:
    return sum(RollupPosition.objects.values_list("last_id", flat=True))


@pytest.mark.django_db
def test_after_retention_the_rollups_know_what_the_log_no_longer_does() -> None:
    old = dt.datetime.now(dt.UTC) - dt.timedelta(days=40)
    write_logins(300, start=old, days=40)
    before = overview(Period(old.date(), dt.datetime.now(dt.UTC).date()))

    with override_settings(TRACKING={"LOGIN_EVENT_DAYS": 10}):
        call_command("prune_events", stdout=StringIO())

    after = overview(Period(old.date(), dt.datetime.now(dt.UTC).date()))
    assert LoginEvent.objects.count() < 300
    assert after.totals == before.totals
    assert after.shares == before.shares
    assert equal()
    compared = verify()[0]
    assert 0 < compared.events < 300


@pytest.mark.django_db
def test_after_erasure_the_counts_are_as_before(django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("ann@example.com")
    LoginEvent.objects.bulk_create([login_event(START, user_id=user.pk) for _ in range(5)])
    refresh()
    before = overview(PERIOD).totals

    call_command("erase_user_events", "ann@example.com", "--yes", stdout=StringIO())

    assert overview(PERIOD).totals == before
    assert equal()


@pytest.mark.django_db
@pytest.mark.parametrize("model", [LoginCube, LoginSlot])
def test_what_differs_is_found_and_repaired(model: Any) -> None:
    write_logins(300, start=START, days=50)
    refresh()
    before = overview(PERIOD)
    model.objects.filter(success=True).update(logins=7)
    said = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("verify_rollups", stdout=said)
    call_command("verify_rollups", "--repair", stdout=StringIO())

    assert ended.value.code == 1
    assert f"{model._meta.db_table} of day" in said.getvalue()
    assert "--repair" in said.getvalue()
    assert equal()
    after = overview(PERIOD)
    assert (after.totals, after.shares, after.hours) == (before.totals, before.shares, before.hours)


@pytest.mark.django_db
def test_days_of_another_time_zone_are_not_mixed_with_those_counted() -> None:
    write_logins(300, start=START, days=50)
    refresh()

    with override_settings(ANALYTICS={"TIME_ZONE": "Asia/Tokyo"}):
        with pytest.raises(CommandError, match='counted by the days of "UTC".*"Asia/Tokyo".*--rebuild'):
            call_command("refresh_rollups", stdout=StringIO())
        call_command("refresh_rollups", "--rebuild", stdout=StringIO())
        assert equal()
        assert overview(PERIOD).events_behind == 0
