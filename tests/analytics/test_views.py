"""Tests the JSON and the files of the dashboard, and its answers to invalid requests."""

import csv
import datetime as dt
import io
import json
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from analytics.dashboard.breakdowns import TOP
from analytics.rollups.refresh import refresh
from cortex.models import User
from tests.analytics.events import login_event, write_activities, write_logins
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
SPAN = {"from": "2026-03-01", "to": "2026-03-31"}
RIGHTS = ("view_dashboard", "view_loginevent", "view_activitylog", "view_usersession", "view_securityalert")
FORMULA = '=HYPERLINK("https://evil.example","click")'


@pytest.fixture
def viewer() -> User:
    user: User = User.objects.create_user("viewer@example.com", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=RIGHTS))
    return user


@pytest.fixture
def viewing(viewer: User) -> Client:
    client = Client()
    client.force_login(viewer)
    return client


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_the_overview_as_json(viewing: Client) -> None:
    write_logins(200, start=START, days=31)
    refresh()

    data = viewing.get(reverse("analytics:data"), SPAN | {"outcome": "failure"}).json()

    assert data.keys() == {
        "period", "filters", "totals", "previous", "series", "hours", "shares", "actions", "events_behind",
        "is_comparable", "is_complete", "is_running", "foreign_zone", "as_of",
    }  # fmt: skip
    assert data["period"] == {"first": "2026-03-01", "last": "2026-03-31", "step": "day"}
    assert data["filters"] == {"outcome": "failure"}
    failures = LoginEvent.objects.filter(success=False).count()
    assert data["totals"] == {
        "logins": failures, "successes": 0, "failures": failures, "success_rate": 0.0, "users": None, "activities": 0,
    }  # fmt: skip
    assert len(data["series"]) == 31
    assert data["series"][0].keys() == {"start", "label", "successes", "failures", "previous"}
    assert [len(row) for row in data["hours"]] == [24] * 7
    assert data["shares"].keys() == {"outcome", "method", "device", "browser", "os", "reason"}
    assert data["shares"]["outcome"][0].keys() == {"value", "logins", "failures", "portion"}


@pytest.mark.parametrize("query", [{}, {"outcome": "success"}, {"reason": "bad_password"}])
def test_the_page_shows_the_portions_of_the_json(viewing: Client, query: dict[str, str]) -> None:
    write_logins(200, start=START, days=31)
    refresh()

    page = viewing.get(reverse("analytics:dashboard"), SPAN | query).context["page"]
    shares = viewing.get(reverse("analytics:data"), SPAN | query).json()["shares"]

    for breakdown in page.breakdowns:
        shown = [s for s in shares[breakdown.dimension] if breakdown.dimension != "reason" or s["value"]]
        portions = re.findall(r'<td class="an-portion">([^<]+)</td>', breakdown.rows)
        assert portions == [f"{share['portion']:.1%}" for share in shown][: len(portions)]
        assert len(portions) == min(len(shown), TOP)


def test_the_portion_of_a_reason_is_that_of_all_failures(viewing: Client) -> None:
    LoginEvent.objects.bulk_create(
        login_event(START, success=not reason, failure_reason=reason)
        for reason in ("", "", "locked", "bad_password", "bad_password")
    )

    shares = viewing.get(reverse("analytics:data"), SPAN).json()["shares"]

    portions = {share["value"]: share["portion"] for share in shares["reason"]}
    assert portions == {"bad_password": pytest.approx(2 / 3), "locked": pytest.approx(1 / 3), "": 0.0}
    assert {share["value"]: share["portion"] for share in shares["outcome"]} == {
        "success": 0.4,
        "failure": 0.6,
    }


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"range": "2y"}, 'Invalid range "2y": use a number of days, such as 1d, 7d, 28d, 91d, 364d.'),
        ({"from": "2026-02-30"}, '"2026-02-30" is not a date; use YYYY-MM-DD.'),
        (
            {"from": "2026-02-02", "to": "2026-02-01"},
            '"2026-02-02" is later than "2026-02-01"; swap the dates.',
        ),
        (
            {"from": "1990-01-01", "to": "2026-02-01"},
            '"1990-01-01" to "2026-02-01" is 13,181 days; choose at most 3,660 days.',
        ),
        (
            {"from": "0001-01-01", "to": "0001-01-02"},
            '"0001-01-02" is out of range; use a year from 1970 to 9000.',
        ),
        ({"outcome": "<script>"}, 'Invalid outcome "<script>": use "success" or "failure".'),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(viewing: Client, query: Any, said: str) -> None:
    answer = viewing.get(reverse("analytics:data"), query)

    assert answer.status_code == 400
    assert answer.json() == {"error": said}
    page = viewing.get(reverse("analytics:dashboard"), query)
    assert page.status_code == 200
    assert b"<script>" not in page.content.split(b'role="alert"')[1][:200]


@pytest.mark.parametrize(
    "value", ["\x00", "%s", "'; DROP TABLE login_cubes; --", "x" * 5_000, "✓", "(other)"]
)
def test_a_filter_may_be_any_text(viewing: Client, value: str) -> None:
    for name in ("data", "dashboard", "panels", "feed"):
        answer = viewing.get(reverse(f"analytics:{name}"), SPAN | {"browser": value})
        assert answer.status_code in (200, 400), name


def test_the_feed_is_of_both_logs_newest_first(viewing: Client, viewer: User) -> None:
    LoginEvent.objects.bulk_create(
        [login_event(START, user_id=viewer.pk, ip_address="192.0.2.1", country="DE")]
    )
    write_activities(1, start=START + dt.timedelta(days=1), days=1)

    events = viewing.get(reverse("analytics:feed")).json()["events"]

    kinds = [event["kind"] for event in events]
    assert kinds[-2:] == ["activity", "login"]
    assert events[-1] | {"key": "", "at": ""} == {
        "key": "", "kind": "login", "at": "", "user_id": viewer.pk, "who": "viewer@example.com", "what": "logged in",
        "detail": "email", "where": "Chrome · Windows · desktop", "ip_address": "192.0.2.1",
        "country": "DE",
    }  # fmt: skip


def test_under_filters_the_feed_has_logins_alone(viewing: Client) -> None:
    write_logins(100, start=START, days=31)
    write_activities(10, start=START, days=31)

    events = viewing.get(reverse("analytics:feed"), {"method": "google", "outcome": "failure"}).json()[
        "events"
    ]

    assert {event["kind"] for event in events} == {"failure"}
    assert all(event["detail"].startswith("google") for event in events)


def test_a_cell_that_a_spreadsheet_would_run_is_exported_as_text(viewing: Client) -> None:
    LoginEvent.objects.bulk_create(
        [login_event(START, identifier=FORMULA, user_agent="@SUM(1+1)", browser="+1")]
    )

    answer = viewing.get(reverse("analytics:download", args=["logins", "csv"]), SPAN)

    (row,) = csv.DictReader(io.StringIO(body(answer).decode()))
    assert row["identifier"] == f"'{FORMULA}"
    assert (row["user_agent"], row["browser"]) == ("'@SUM(1+1)", "'+1")
    assert row["timestamp"] == "2026-03-01T00:00:00+00:00"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_has_each_event_of_the_period_once_and_in_order(
    viewing: Client, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("analytics.export.PAGE", 7)  # so that many events fall on the borders of pages
    write_logins(100, start=START, days=31)
    LoginEvent.objects.bulk_create([login_event(START) for _ in range(20)])  # all at the same moment
    LoginEvent.objects.bulk_create([login_event(START - dt.timedelta(seconds=1))])

    found = body(viewing.get(reverse("analytics:download", args=["logins", kind]), SPAN))

    if kind == "parquet":
        import polars as pl

        moments = pl.read_parquet(io.BytesIO(found))["timestamp"].to_list()
    elif kind == "jsonl":
        moments = [dt.datetime.fromisoformat(json.loads(line)["timestamp"]) for line in found.splitlines()]
    else:
        moments = [
            dt.datetime.fromisoformat(r["timestamp"]) for r in csv.DictReader(io.StringIO(found.decode()))
        ]
    expected = LoginEvent.objects.filter(timestamp__gte=START).order_by("timestamp")
    whole = expected.filter(timestamp__lt=START + dt.timedelta(days=31)).values_list("timestamp", flat=True)
    rounded = [moment.replace(microsecond=0) for moment in moments]
    assert rounded == [moment.replace(microsecond=0) for moment in whole]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_activities_are_exported_as_well_and_nothing_is_no_error(viewing: Client, kind: str) -> None:
    address = reverse("analytics:download", args=["activities", kind])
    empty = viewing.get(address, SPAN)
    assert empty.status_code == 200
    body(empty)

    write_activities(5, start=START, days=2)

    assert body(viewing.get(address, SPAN)).count(b"pov") >= 5


def test_who_exported_what_is_recorded(viewing: Client, viewer: User) -> None:
    body(viewing.get(reverse("analytics:download", args=["logins", "csv"]), SPAN | {"method": "google"}))

    entry = ActivityLog.objects.get(action="analytics.exported")
    assert entry.user_id == viewer.pk
    assert entry.metadata == {
        "log": "logins", "format": "csv", "first": "2026-03-01", "last": "2026-03-31", "method": "google",
    }  # fmt: skip


@pytest.mark.parametrize("address", ["logins.exe", "passwords.csv"])
def test_no_other_files_are_to_be_had(viewing: Client, address: str) -> None:
    assert viewing.get(f"/admin/analytics/export/{address}").status_code == 404


def test_sessions_are_ended_by_those_who_may(viewing: Client, viewer: User) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    session = UserSession.objects.create(user_id=viewer.pk, expires_at=later)
    address = reverse("analytics:end_sessions")

    assert viewing.post(address, {"session": str(session.pk)}).status_code == 403
    session.refresh_from_db()
    assert session.ended_at is None

    viewer.user_permissions.add(Permission.objects.get(codename="end_usersession"))
    answer = viewing.post(address, {"session": str(session.pk), "next": "https://evil.example/"})
    assert answer.headers["Location"] == reverse("analytics:dashboard")
    session.refresh_from_db()
    assert session.end_reason == "ended_by_admin"
    assert viewing.post(address, {"session": "no uuid"}).status_code == 404
    assert viewing.post(address, {"user": "no key"}).status_code == 302
    assert viewing.get(address).status_code == 405


def test_all_sessions_of_a_user_are_ended_at_once(viewing: Client, viewer: User) -> None:
    viewer.user_permissions.add(Permission.objects.get(codename="end_usersession"))
    other = User.objects.create_user("other@example.com")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    for owner in (other, other, viewer):
        UserSession.objects.create(user_id=owner.pk, expires_at=later)

    viewing.post(reverse("analytics:end_sessions"), {"user": str(other.pk)})

    assert UserSession.objects.filter(user=other, ended_at=None).count() == 0
    assert UserSession.objects.filter(user=viewer, ended_at=None).exists()


def test_a_timeline_goes_on_where_its_page_ends(viewing: Client, viewer: User) -> None:
    other = User.objects.create_user("other@example.com")
    LoginEvent.objects.bulk_create(
        [login_event(START + dt.timedelta(minutes=number // 3), user_id=other.pk) for number in range(120)]
    )
    address, seen = reverse("analytics:user", args=[other.pk]), 0
    for _ in range(5):
        page = viewing.get(address).content.decode()
        seen += page.count('data-key="login-')
        if 'rel="next"' not in page:
            break
        address = reverse("analytics:user", args=[other.pk]) + page.split('<a href="')[-1].split('"')[0]
        address = address.replace("&amp;", "&")

    assert seen == 120


@pytest.mark.parametrize("key", ["0", "nobody", "-1", "9" * 40])
def test_a_user_who_is_not_there_is_not_found(viewing: Client, key: str) -> None:
    assert viewing.get(f"/admin/analytics/users/{key}/").status_code == 404


def test_strangers_are_led_to_the_login_and_programs_told(client: Client) -> None:
    page = client.get(reverse("analytics:dashboard"), SPAN)
    assert page.status_code == 302
    assert page.headers["Location"].startswith(reverse("admin:login") + "?next=/admin/analytics/%3Ffrom")
    assert client.get(reverse("analytics:data")).status_code == 401
    assert client.get(reverse("analytics:data")).json() == {"error": "Sign in first."}


def test_the_index_of_the_admin_leads_to_it(viewing: Client, viewer: User) -> None:
    index = viewing.get(reverse("admin:index")).content.decode()
    assert reverse("admin:analytics_dashboard_changelist") in index
    answer = viewing.get(reverse("admin:analytics_dashboard_changelist"))
    assert answer.headers["Location"] == reverse("analytics:dashboard")

    viewer.user_permissions.clear()
    assert (
        reverse("admin:analytics_dashboard_changelist")
        not in viewing.get(reverse("admin:index")).content.decode()
    )


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


@pytest.mark.parametrize(
    ("kinds", "level", "words"),
    [
        ([], "quiet", "Quiet: no open alert of an attack in this period."),
        (["new_device"] * 30, "quiet", "Quiet: no open alert of an attack in this period."),
        (
            ["new_device"] * 30 + ["spraying"],
            "warning",
            "1 attack by guessed passwords. At that time nobody got in from there.",
        ),
        (
            ["failure_burst", "spraying"],
            "warning",
            "2 attacks by guessed passwords. At the time of the latest, nobody got in from where it came.",
        ),
        (
            ["success_after_burst", "failure_burst"] + ["new_device"] * 510,
            "bad",
            "Somebody may have got in: 1 login after a burst of failures.",
        ),
        (
            ["success_after_burst"] + ["spraying"] * 510,
            "bad",
            "Somebody may have got in: 1 login after a burst of failures.",
        ),
        (["new_country"] * 30, "quiet", "Quiet: no open alert of an attack in this period."),
        (
            ["impossible_travel"] + ["new_country", "spraying"] * 510,
            "bad",
            "Somebody may have got in: 1 login from too far away from the one before.",
        ),
    ],
)
def test_the_first_sentence_says_whether_something_is_wrong(
    admin_client: Client, kinds: list[str], level: str, words: str
) -> None:
    caches["analytics"].clear()
    now = timezone.now()
    SecurityAlert.objects.bulk_create(
        SecurityAlert(
            kind=kind, occasion=str(number), identifier="ann", ip_address="10.0.0.1",
            timestamp=now - dt.timedelta(minutes=len(kinds) - number), evidence={"account_failures": 12},
        )
        for number, kind in enumerate(kinds)
    )  # fmt: skip

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    sentence = page.split('data-part="headline"')[1].split("</p>")[0]
    assert words in sentence
    assert f'class="an-headline an-{level}"' in page
    assert ("12 failures of the account" in sentence) == (level != "quiet")


def test_more_alerts_than_are_read_are_told_as_at_least_so_many(admin_client: Client) -> None:
    caches["analytics"].clear()
    SecurityAlert.objects.bulk_create(
        SecurityAlert(kind="spraying" if n % 2 else "failure_burst", occasion=str(n)) for n in range(501)
    )

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    assert "≥ 500 attacks by guessed passwords" in page
    assert "<b>≥ 250</b> Spraying" in page


def test_who_may_not_see_logins_is_not_told_how_many_succeeded(client: Client) -> None:
    caches["analytics"].clear()
    user = User.objects.create_user("viewer@example.com", password="pw", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=("view_dashboard", "view_securityalert"))
    )
    LoginEvent.objects.bulk_create([login_event(timezone.now(), ip_address="203.0.113.7", success=True)])
    SecurityAlert.objects.create(kind="spraying", ip_address="203.0.113.3", occasion="one")
    client.force_login(user)

    page = client.get(reverse("analytics:dashboard")).content.decode()

    assert "<b>1 attack by guessed passwords.</b>" in page


def test_who_may_not_see_alerts_reads_no_sentence_about_them(client: Client) -> None:
    user = User.objects.create_user("viewer@example.com", password="pw", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_dashboard"))
    client.force_login(user)

    assert "an-headline" not in client.get(reverse("analytics:dashboard")).content.decode()


def test_any_number_of_days_may_be_asked_for(admin_client: Client) -> None:
    """Addresses that people have kept, such as range=30d, still hold."""
    data = admin_client.get(reverse("analytics:data"), {"range": "30d"}).json()

    first, last = (dt.date.fromisoformat(data["period"][name]) for name in ("first", "last"))
    assert (last - first).days == 29


def test_a_login_from_the_attackers_network_is_said_first(admin_client: Client) -> None:
    """The account that got in had few failures of its own, so it raised no alert."""
    caches["analytics"].clear()
    now = timezone.now()
    LoginEvent.objects.bulk_create(
        login_event(now, ip_address=f"203.0.113.{n}", success=n == 7, identifier=f"name{n}")
        for n in range(40)
    )
    SecurityAlert.objects.create(kind="spraying", ip_address="203.0.113.3", timestamp=now, occasion="one")

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    assert "Logins that succeeded from there at that time: 1." in page
    assert 'class="an-headline an-bad"' in page


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_login_at_another_time_is_not_laid_to_the_attack(admin_client: Client, hours: int) -> None:
    """The office next door logs in all day."""
    caches["analytics"].clear()
    noticed = timezone.now() - dt.timedelta(hours=4)
    LoginEvent.objects.bulk_create(
        [login_event(noticed + dt.timedelta(hours=hours), ip_address="203.0.113.7", success=True)]
    )
    SecurityAlert.objects.create(kind="spraying", ip_address="203.0.113.3", timestamp=noticed, occasion="one")

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    assert "At that time nobody got in from there." in page


def test_what_a_person_reports_comes_first(admin_client: Client) -> None:
    caches["analytics"].clear()
    for kind in ("reported", "success_after_burst", "spraying"):
        SecurityAlert.objects.create(kind=kind, ip_address="203.0.113.3", identifier="ann", occasion=kind)

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    assert "Somebody got in: of 1 login, the person says that it was not theirs." in page
    assert 'class="an-headline an-bad"' in page


def test_without_an_address_nothing_is_claimed_about_who_got_in(admin_client: Client) -> None:
    caches["analytics"].clear()
    SecurityAlert.objects.create(kind="failure_burst", identifier="ann", occasion="one")

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    assert "<b>1 attack by guessed passwords.</b>" in page


def test_a_poll_without_news_is_answered_in_less_than_a_kilobyte(admin_client: Client) -> None:
    caches["analytics"].clear()  # what an earlier test left there may run out between the two
    write_logins(50, start=timezone.now() - dt.timedelta(days=2), days=1)
    address = reverse("analytics:panels")
    first = admin_client.get(address)
    assert len(first.content) > 10_000
    known = {"if-none-match": first.headers["ETag"]}

    again = admin_client.get(address, headers=known)

    assert (again.status_code, again.content) == (304, b"")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", again.headers["X-As-Of"])
    assert len(str(again.headers)) < 1_000

    LoginEvent.objects.bulk_create([login_event(timezone.now())])
    assert admin_client.get(address, headers=known).status_code == 200
    assert admin_client.get(address, {"range": "7d"}, headers=known).status_code == 200


def test_ones_own_session_has_no_button_that_ends_it() -> None:
    client, other = Client(), User.objects.create_user("other@example.com")
    root = User.objects.create_superuser("root@example.com", password="pw-of-root")
    client.force_login(root)
    own = UserSession.objects.get(user=root)
    theirs = UserSession.objects.create(user=other, expires_at=timezone.now() + dt.timedelta(days=1))

    for address in (reverse("analytics:dashboard"), reverse("analytics:user", args=[root.pk])):
        page = client.get(address).content.decode()
        assert f'name="session" value="{own.pk}"' not in page
        assert "this session" in page
    assert (
        f'name="session" value="{theirs.pk}"' in client.get(reverse("analytics:dashboard")).content.decode()
    )


@pytest.mark.parametrize("state", ["resolved", "muted"])
def test_what_was_handled_is_no_longer_said(admin_client: Client, state: str) -> None:
    caches["analytics"].clear()
    alert = SecurityAlert.objects.create(kind="spraying", ip_address="203.0.113.3", occasion="one")
    assert "1 attack" in admin_client.get(reverse("analytics:dashboard")).content.decode()

    SecurityAlert.objects.filter(pk=alert.pk).move(state, by=None)

    caches["analytics"].clear()
    assert "Quiet: no open alert" in admin_client.get(reverse("analytics:dashboard")).content.decode()


def entered(user: User, address: str, at: dt.datetime, **evidence: Any) -> SecurityAlert:
    """Write a login with its session, and the alert that it came after a burst of failures."""
    session = UserSession.objects.create(user=user, expires_at=at + dt.timedelta(days=1))
    login = login_event(at, user_id=user.pk, identifier=user.email, ip_address=address, session=session)
    login.save()
    return SecurityAlert.objects.create(
        kind="success_after_burst", user=user, identifier=user.email, ip_address=address, timestamp=at,
        occasion=str(login.uuid), event=login, evidence={"account_failures": 12, **evidence},
    )  # fmt: skip


def sentence_of(client: Client) -> str:
    caches["analytics"].clear()
    page = client.get(reverse("analytics:dashboard")).content.decode()
    return page.split('data-part="headline"')[1].split("</p>")[0]


@pytest.mark.parametrize(
    ("evidence", "has_failed"),
    [
        ({}, True),
        ({"country_known": False}, False),
        ({"logged_in_before": True, "device_known": False}, False),
        ({"also": ["new_device"]}, False),
    ],
)
def test_the_login_that_was_broken_in_is_named_before_later_ones(
    admin_client: Client, evidence: dict[str, Any], has_failed: bool
) -> None:
    """The owner signed in as usual, a second after the attacker had guessed the password of somebody else."""
    now = timezone.now() - dt.timedelta(minutes=1)
    ann, ben = (User.objects.create_user(f"{name}@example.com") for name in ("ann", "ben"))
    if has_failed:
        login_event(
            now - dt.timedelta(minutes=2), success=False, identifier=ann.email, ip_address="203.0.113.7"
        ).save()
    broken_in = entered(ann, "203.0.113.7", now, **evidence)
    normal = {"country_known": True, "logged_in_before": True, "device_known": True}
    entered(ben, "10.0.0.1", now + dt.timedelta(seconds=1), **normal)

    sentence = sentence_of(admin_client)

    assert reverse("analytics:alert", args=[broken_in.pk]) in sentence
    assert "See first:" in sentence


def test_of_logins_alike_the_newest_is_named_but_never_the_readers_own(client: Client) -> None:
    now = timezone.now() - dt.timedelta(minutes=1)
    reader = User.objects.create_superuser("reader@example.com", password="pw")
    ann = User.objects.create_user("ann@example.com")
    entered(ann, "203.0.113.7", now - dt.timedelta(minutes=5))
    newest = entered(ann, "203.0.113.8", now)
    client.post("/admin/login/", {"username": reader.email, "password": "pw"})
    own = LoginEvent.objects.get(user=reader)
    SecurityAlert.objects.create(
        kind="success_after_burst", user=reader, identifier=reader.email, ip_address="203.0.113.9",
        occasion="own", event=own, evidence={"country_known": False},
    )  # fmt: skip

    assert reverse("analytics:alert", args=[newest.pk]) in sentence_of(client)


def test_the_break_in_is_named_however_many_logins_came_later(admin_client: Client) -> None:
    now = timezone.now() - dt.timedelta(minutes=30)
    ann = User.objects.create_user("ann@example.com")
    broken_in = entered(ann, "203.0.113.7", now, country_known=False)
    SecurityAlert.objects.bulk_create(
        SecurityAlert(
            kind="success_after_burst", occasion=str(n), identifier=f"name{n}", ip_address="10.0.0.1",
            timestamp=now + dt.timedelta(seconds=n),
        )
        for n in range(1, 60)
    )  # fmt: skip

    assert reverse("analytics:alert", args=[broken_in.pk]) in sentence_of(admin_client)


def test_the_first_sentence_links_the_user_and_the_address(admin_client: Client) -> None:
    ann = User.objects.create_user("ann@example.com")
    entered(ann, "203.0.113.7", timezone.now())

    sentence = sentence_of(admin_client)

    assert f'<a href="{reverse("analytics:user", args=[ann.pk])}">ann@example.com</a>, ' in sentence
    assert f'<a href="{reverse("analytics:address", args=["203.0.113.7"])}">203.0.113.7</a>' in sentence


def test_the_first_sentence_names_a_network_once(admin_client: Client) -> None:
    SecurityAlert.objects.create(kind="spraying", ip_address="203.0.113.3", occasion="one")

    assert sentence_of(admin_client).count(">203.0.113.3<") == 1


def test_without_the_right_to_see_logins_the_address_is_no_link(viewer: User, viewing: Client) -> None:
    viewer.user_permissions.remove(Permission.objects.get(codename="view_loginevent"))
    entered(User.objects.create_user("ann@example.com"), "203.0.113.7", timezone.now())

    sentence = sentence_of(viewing)

    assert "ann@example.com</a>, 203.0.113.7" in sentence
