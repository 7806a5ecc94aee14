"""What a hostile test of analytics found, each by what broke."""

import datetime as dt
import json
import threading
from collections.abc import Callable
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client, override_settings

from analytics.filters import Filters
from analytics.models import LoginCube, RollupPosition
from analytics.period import DAY, Period
from analytics.reports import overview
from analytics.rollups import refresh as refreshing
from analytics.rollups import verify as verifying
from analytics.rollups.refresh import held_positions, rebuild, refresh
from analytics.rollups.verify import verify
from cortex.models import User
from tests.analytics.events import login_event
from tests.analytics.test_refresh import INSERT, url
from tracking.models import LoginEvent, SecurityAlert
from tracking.upkeep.retention import PruningRefused, prune, rules

NOW = dt.datetime.now(dt.UTC)
WHOLE = Period(NOW.date() - 500 * DAY, NOW.date())
OLD = NOW - 450 * DAY


def record(*moments: dt.datetime, **values: Any) -> None:
    LoginEvent.objects.bulk_create([login_event(moment, **values) for moment in moments])


def logins() -> int:
    return overview(WHOLE).totals.logins


@pytest.mark.django_db(transaction=True)
def test_retention_deletes_nothing_that_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.rollups.pruned.refresh", lambda: refresh(patience=0.1))
    record(*[OLD] * 5)
    with psycopg.connect(url()) as other:
        other.execute(INSERT, [NOW, True])  # a writer that takes its time
        with pytest.raises(PruningRefused, match="A transaction that writes into the log is open"):
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
    assert "Nothing of them was deleted" in said.getvalue()
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
    now = dt.datetime.now(dt.UTC)  # NOW may be of the hour before by now
    record(*[now - number * DAY for number in range(20)])
    refresh()

    found = overview(Period(now.date() - 4 * DAY, now.date() + 5 * DAY))

    assert found.totals.logins == 5
    assert found.previous.logins == 4  # the fifth came at this very time of the day


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


@pytest.mark.django_db
def test_a_repair_makes_known_at_once_that_what_was_cached_is_old() -> None:
    record(NOW)
    refresh()
    LoginCube.objects.update(logins=9)
    generation = RollupPosition.objects.get(log="logins").generation

    verifying._check_day(refreshing.LOGS[0], NOW.date(), True)  # and the process is killed

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
    assert {key.split(":")[0] for key in asked} == {"overview", "security"}


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
def test_the_site_can_be_dumped() -> None:
    said = StringIO()

    call_command("dumpdata", "analytics", "tracking", stdout=said)

    assert json.loads(said.getvalue()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", ["foo", "%", "[", "//evil.example", "javascript:alert(1)"])
def test_after_the_end_of_sessions_one_is_led_to_the_dashboard(admin_client: Client, wanted: str) -> None:
    answer = admin_client.post("/admin/analytics/sessions/end/", {"user": "1", "next": wanted})

    assert answer.status_code == 302
    assert answer.headers["Location"] in ("/admin/analytics/", "foo", "%", "[")


@pytest.mark.django_db
def test_ending_sessions_takes_a_token_whatever_the_middleware(admin_user: User, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)

    assert client.post("/admin/analytics/sessions/end/", {"user": "1"}).status_code == 403


@pytest.mark.django_db
@override_settings(USE_THOUSAND_SEPARATOR=True, ANALYTICS={"REFRESH_SECONDS": 1800})
def test_numbers_for_programs_are_not_written_for_people(admin_client: Client) -> None:
    user = User.objects.create(pk=12_345, email="many@example.com")

    assert 'data-seconds="1800"' in admin_client.get("/admin/analytics/").content.decode()
    assert "12.345" not in admin_client.get(f"/admin/analytics/users/{user.pk}/").content.decode()


@pytest.mark.django_db
def test_a_term_that_is_gone_costs_a_name_and_no_page(admin_client: Client) -> None:
    record(NOW)
    refresh()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analytics_terms WHERE value = 'Chrome'")

    assert admin_client.get("/admin/analytics/").status_code == 200
