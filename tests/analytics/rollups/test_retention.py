"""Tests retention and repair during counting: nothing is deleted uncounted or counted twice."""

import datetime as dt
import threading
from collections.abc import Callable
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from analytics.models import LoginCube, RollupPosition
from analytics.period import DAY, Period
from analytics.reports import overview
from analytics.rollups import verify as verifying
from analytics.rollups.logs import LOGINS
from analytics.rollups.refresh import held_positions, rebuild, refresh
from analytics.rollups.verify import verify
from tests.analytics.events import INSERT, url
from tests.analytics.long_log import NOW, OLD, logins, record
from tracking.models import LoginEvent
from tracking.upkeep.retention import PruningRefused, prune, rules


@pytest.mark.django_db(transaction=True)
def test_retention_deletes_nothing_that_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.rollups.pruned.refresh", lambda: refresh(patience=0.1))
    record(*[OLD] * 5)
    with psycopg.connect(url()) as other:
        other.execute(INSERT, [NOW, True])  # a slow writer
        with pytest.raises(PruningRefused, match="A transaction that writes into the log is still open"):
            prune(rules()[0])
        other.rollback()
    assert LoginEvent.objects.count() == 5

    prune(rules()[0])

    assert LoginEvent.objects.count() == 0
    assert logins() == 5


@pytest.mark.django_db
def test_retention_says_why_it_deleted_nothing_and_ends_with_1() -> None:
    record(OLD)
    refresh()
    said = StringIO()

    with override_settings(ANALYTICS={"TIME_ZONE": "Asia/Tokyo"}), pytest.raises(SystemExit) as ended:
        call_command("prune_events", stdout=StringIO(), stderr=said)

    assert ended.value.code == 1
    assert "refresh_rollups --rebuild" in said.getvalue()
    assert "None were deleted" in said.getvalue()
    assert LoginEvent.objects.count() == 1


@pytest.mark.django_db
def test_a_repair_leaves_days_alone_that_retention_comes_to_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record(*[OLD] * 5, NOW)
    refresh()
    check: Callable[..., Any] = verifying._check_day
    pruned: list[int] = []

    def prune_first(*arguments: Any) -> Any:
        if not pruned:
            pruned.append(prune(rules()[0]))
        return check(*arguments)

    monkeypatch.setattr(verifying, "_check_day", prune_first)

    verify(repair=True)

    assert pruned == [5]
    assert logins() == 6


@pytest.mark.django_db
def test_a_repair_makes_known_at_once_that_what_was_cached_is_old() -> None:
    record(NOW)
    refresh()
    LoginCube.objects.update(logins=9)
    generation = RollupPosition.objects.get(log="logins").generation

    verifying._check_day(LOGINS, NOW.date(), True)  # and the process is killed

    assert RollupPosition.objects.get(log="logins").generation == generation + 1


@pytest.mark.django_db
def test_a_clock_that_is_wrong_by_millennia_does_not_stop_the_counting() -> None:
    with override_settings(ANALYTICS={"TIME_ZONE": "Asia/Tokyo"}):
        record(NOW, dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC), dt.datetime(1, 1, 1, tzinfo=dt.UTC))

        assert refresh()[0].events == 3
        assert not any(log.differences for log in verify())
        assert overview(Period(NOW.date() - DAY, NOW.date() + DAY)).totals.logins == 1


@pytest.mark.django_db(transaction=True)
def test_whoever_counts_anew_and_whoever_reads_do_not_lock_each_other_out() -> None:
    record(NOW)
    refresh()
    errors: list[Exception] = []

    def often(call: Callable[[], Any]) -> None:
        try:
            for _ in range(25):
                call()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    def hold() -> None:
        with held_positions():
            pass

    threads = [threading.Thread(target=often, args=(call,)) for call in (hold, rebuild, hold, rebuild)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


@pytest.mark.django_db(transaction=True)
def test_a_look_does_not_wait_for_somebody_elses_step() -> None:
    record(*[NOW] * 30)
    refresh(step=10)
    record(*[NOW] * 30)
    with psycopg.connect(url()) as other:
        other.execute("SELECT 1 FROM rollup_positions FOR UPDATE")

        with override_settings(ANALYTICS={"TAIL_EVENTS": 5}):
            assert logins() == 60
