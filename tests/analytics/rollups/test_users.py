"""Tests that the roll-up by user says what the log says, or said before retention."""

import datetime as dt
import random
import threading
import time
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from analytics.models import RollupPosition, UserRollup
from analytics.panels.summary import logged_in
from analytics.rollups import verify_users
from analytics.rollups.refresh import rebuild, refresh
from analytics.rollups.verify import verify
from analytics.rollups.verify_users import check_users
from cortex.models import User
from tests.analytics import naive
from tests.analytics.events import LOGIN_OF_A_USER, login_event, url, write_logins
from tracking.models import LoginEvent
from tracking.privacy.personal_data import erase

START = dt.datetime(2026, 2, 20, tzinfo=dt.UTC)


def stored() -> dict[Any, tuple[dt.datetime, dt.datetime, int]]:
    rows = UserRollup.objects.values_list("user", "first_login_at", "last_login_at", "logins")
    return {user: (first, last, logins) for user, first, last, logins in rows}


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_the_log_says_in_whatever_steps_and_order_it_is_counted(seed: int) -> None:
    randomness = random.Random(seed)
    for number in range(4):
        write_logins(150, start=START - dt.timedelta(days=20 * number), days=60, seed=seed * 10 + number)
        if randomness.random() < 0.7:
            refresh(step=randomness.randrange(5, 80))
    refresh()

    assert stored() == naive.seen()
    assert not any(log.differences for log in verify())


@pytest.mark.django_db
def test_a_site_that_had_rollups_before_counts_its_whole_log() -> None:
    write_logins(300, start=START, days=50)
    refresh()
    UserRollup.objects.all().delete()
    RollupPosition.objects.filter(log="users").delete()

    refreshed = {log.log: log.events for log in refresh()}

    assert (refreshed["logins"], refreshed["activities"]) == (0, 0)
    assert stored() == naive.seen()


@pytest.mark.django_db
def test_after_retention_the_first_login_and_the_number_are_still_known() -> None:
    old = dt.datetime.now(dt.UTC) - dt.timedelta(days=40)
    write_logins(400, start=old, days=40)
    before = naive.seen()

    with override_settings(TRACKING={"LOGIN_EVENT_DAYS": 10}):
        call_command("prune_events", stdout=StringIO())

    assert LoginEvent.objects.count() < 400
    assert stored() == before
    assert not any(log.differences for log in verify())
    late = login_event(old - dt.timedelta(days=5), user_id=7)  # from a spool
    LoginEvent.objects.bulk_create([late])
    refresh()
    assert stored()[7][0] == late.timestamp
    assert not any(log.differences for log in verify())


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["erase", "erase_user_events", "delete"])
def test_who_was_erased_or_deleted_is_forgotten(way: str) -> None:
    ann, ben = (User.objects.create_user(f"{name}@example.com") for name in ("ann", "ben"))
    LoginEvent.objects.bulk_create([login_event(START, user_id=user.pk) for user in (ann, ben, ann)])
    refresh()
    LoginEvent.objects.bulk_create([login_event(START, user_id=ann.pk)])

    if way == "erase":
        erase(ann)
    elif way == "delete":
        User.objects.filter(pk=ann.pk).delete()
    else:
        call_command("erase_user_events", "ann@example.com", "--yes", stdout=StringIO())

    assert stored().keys() == {ben.pk}
    refresh()
    assert stored() == naive.seen()
    rebuild()
    refresh()
    assert stored() == naive.seen()


@pytest.mark.django_db(transaction=True)
def test_users_are_deleted_with_as_many_statements_however_many_they_are() -> None:
    taken = []
    for number in (1, 20):
        users = [User.objects.create_user(f"u{number}-{n}@example.com") for n in range(number)]
        LoginEvent.objects.bulk_create([login_event(START, user_id=user.pk) for user in users])
        refresh()
        with CaptureQueriesContext(connection) as asked:
            User.objects.filter(pk__in=[user.pk for user in users]).delete()
        taken.append(sum("analytics_users" in query["sql"] for query in asked.captured_queries))

    assert taken[0] == taken[1] <= 2
    assert stored() == {}


@pytest.mark.django_db
@pytest.mark.parametrize("step", [3, 5_000])
def test_what_differs_is_found_and_repaired(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_users, "USERS_PER_STEP", step)
    write_logins(300, start=START, days=50)
    refresh()
    users = sorted(stored())
    UserRollup.objects.filter(pk=users[0]).update(logins=99)
    UserRollup.objects.filter(pk=users[1]).update(first_login_at=START - dt.timedelta(days=1))
    UserRollup.objects.filter(pk=users[2]).update(last_login_at=START)
    UserRollup.objects.filter(pk=users[-1]).delete()
    UserRollup.objects.create(pk=10_000, first_login_at=START, last_login_at=START, logins=1)
    said = StringIO()

    with pytest.raises(SystemExit):
        call_command("verify_rollups", stdout=said)
    _logins, found = check_users(repair=True, step=step)

    assert found.keys() == {*users[:3], users[-1], 10_000}
    assert "analytics_users of user" in said.getvalue()
    assert stored() == naive.seen()
    assert check_users(repair=False, step=step)[1] == {}


@pytest.mark.django_db
def test_a_repair_keeps_what_only_the_rollup_knows() -> None:
    old = dt.datetime.now(dt.UTC) - dt.timedelta(days=40)
    recent = old + dt.timedelta(days=38)
    LoginEvent.objects.bulk_create([login_event(moment, user_id=7) for moment in (old, old, recent)])
    with override_settings(TRACKING={"LOGIN_EVENT_DAYS": 10}):
        call_command("prune_events", stdout=StringIO())
    UserRollup.objects.update(last_login_at=old)

    check_users(repair=True)

    assert stored() == {7: (old, recent, 3)}


@pytest.mark.django_db(transaction=True)
def test_it_is_true_with_others_writing_and_refreshing_beside() -> None:
    user = User.objects.create_user("ann@example.com")
    is_over, committed = threading.Event(), [0]

    def write(seed: int) -> None:
        randomness = random.Random(seed)
        with psycopg.connect(url()) as writer:
            while not is_over.is_set():
                moment = START + dt.timedelta(days=50 * randomness.random())
                writer.execute(LOGIN_OF_A_USER, [moment, user.pk, True])
                time.sleep(0.004 * randomness.random())
                if seed == 0 and randomness.random() < 0.3:
                    writer.rollback()
                    continue
                writer.commit()
                if seed:
                    committed[0] += 1  # one thread alone counts

    def refresh_often() -> None:
        while not is_over.is_set():
            refresh(step=7, patience=0.2)
        connections.close_all()

    threads = [threading.Thread(target=write, args=(seed,)) for seed in (0, 1)]
    threads += [threading.Thread(target=refresh_often) for _ in range(2)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        at_least = committed[0]
        seen = logged_in(user)
        assert (seen.logins if seen else 0) >= at_least
    is_over.set()
    for thread in threads:
        thread.join()

    seen = logged_in(user)
    assert seen is not None
    assert (seen.first_at, seen.last_at, seen.logins) == naive.seen()[user.pk]
    refresh()
    assert stored() == naive.seen()


@pytest.mark.django_db(transaction=True)
def test_an_erasure_waits_for_a_step_that_has_read_the_logins() -> None:
    user = User.objects.create_user("ann@example.com")
    LoginEvent.objects.bulk_create([login_event(START, user_id=user.pk)])
    refresh()
    with psycopg.connect(url()) as step:
        step.execute("SELECT 1 FROM rollup_positions WHERE log = 'users' FOR UPDATE")
        erasing = threading.Thread(target=lambda: [erase(user), connections.close_all()])
        erasing.start()
        time.sleep(0.3)
        step.execute("UPDATE analytics_users SET logins = logins + 1")
        step.commit()
        erasing.join()

    assert stored() == {}
