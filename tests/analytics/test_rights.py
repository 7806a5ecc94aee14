"""Tests that each panel, page and file checks the right on its rows."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cortex.models import User
from tests.analytics.events import login_event, write_activities
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ADDRESS = "203.0.113.77"
# Right → the texts that are in the page only with it.
SHOWN = {
    "view_loginevent": (
        'data-key="login-',
        f"/addresses/{ADDRESS}/",
        "Where the newest failures come from",
        "export/logins.csv",
    ),
    "view_activitylog": ('data-key="activity-', "export/activities.csv"),
    "view_usersession": ('data-part="sessions"', "data-session="),
    "view_securityalert": ("/analytics/alerts/", "an-mark-medium"),
    "view_user": ("/accounts/?unused=never",),
}
# Right → the addresses that return 200 only with it.
ADDRESSES = {
    "view_loginevent": (
        "export/logins.csv",
        "export/logins.jsonl",
        "export/logins.parquet",
        f"addresses/{ADDRESS}/",
        "addresses/203.0.113.0/24/",
    ),
    "view_activitylog": (
        "entities/crm.contact/7/",
        "export/activities.csv",
        "export/activities.jsonl",
        "export/activities.parquet",
    ),
    "view_usersession": ("sessions.json",),
    "view_user": ("accounts/", "accounts/?unused=90d", "accounts/export.csv"),
}


@pytest.fixture
def person() -> User:
    person: User = User.objects.create_user("person@example.com")
    LoginEvent.objects.bulk_create(
        [
            login_event(NOW, user_id=person.pk, ip_address=ADDRESS),
            login_event(NOW, user_id=person.pk, ip_address=ADDRESS, success=False, failure_reason="x"),
        ]
    )
    caches["analytics"].clear()  # what an earlier test found of accounts
    ActivityLog.objects.create(user=person, action="thing.done")
    write_activities(2, start=NOW - dt.timedelta(hours=1), days=0)
    UserSession.objects.create(user=person, expires_at=NOW + dt.timedelta(days=1), ip_address=ADDRESS)
    SecurityAlert.objects.create(kind="spraying", ip_address=ADDRESS, occasion="one", user=person)
    return person


def viewing(*rights: str) -> Client:
    user = User.objects.create_user("viewer@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_dashboard", *rights)))
    client = Client()
    client.force_login(user)
    return client


def shown(client: Client, name: str = "dashboard") -> str:
    answer = client.get(reverse(f"analytics:{name}"), {"range": "1d"})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("name", ["dashboard", "panels"])
@pytest.mark.parametrize("right", ["", *SHOWN])
def test_a_panel_is_shown_with_the_right_on_its_rows(person: User, right: str, name: str) -> None:
    page = shown(viewing(right), name)

    for needed, marks in SHOWN.items():
        for mark in marks:
            assert (mark in page) == (needed == right), f"{mark} with {right or 'no right'}"
    assert (ADDRESS in page) == (right in ("view_loginevent", "view_usersession", "view_securityalert"))


@pytest.mark.parametrize("name", ["system", "system_panels"])
@pytest.mark.parametrize("right", ["", "view_dataimportjob"])
def test_import_jobs_are_shown_with_the_right_on_them(right: str, name: str) -> None:
    page = shown(viewing(right), name)

    assert ('data-part="imports"' in page) == bool(right)
    assert 'data-part="caches"' in page


@pytest.mark.parametrize("right", ["", *ADDRESSES])
def test_a_file_is_given_with_the_right_on_its_rows(person: User, right: str) -> None:
    client = viewing(right)

    for needed, paths in ADDRESSES.items():
        for path in paths:
            answer = client.get(f"/admin/analytics/{path}", {"range": "1d"})
            assert (answer.status_code == 200) == (needed == right), f"{path} with {right or 'no right'}"


@pytest.mark.parametrize(
    ("rights", "kinds"),
    [
        ((), None),
        (("view_usersession",), None),
        (("view_loginevent",), {"login", "failure"}),
        (("view_activitylog",), {"activity"}),
        (("change_loginevent", "view_activitylog"), {"login", "failure", "activity"}),
    ],
)
def test_the_feed_has_the_logs_that_may_be_seen(person: User, rights: Any, kinds: set[str] | None) -> None:
    answer = viewing(*rights).get(reverse("analytics:feed"))

    if kinds is None:
        assert (answer.status_code, answer.json()) == (
            403,
            {"error": "This requires the permission to view logins or activities."},
        )
    else:
        assert {event["kind"] for event in answer.json()["events"]} == kinds


@pytest.mark.parametrize(
    ("right", "marks"),
    [
        ("", None),
        ("view_securityalert", None),
        ("view_loginevent", ("Timeline", 'data-key="login-', "All logins")),
        ("view_activitylog", ("Timeline",)),
        ("view_usersession", ("Active sessions", "data-session=")),
        ("view_securityalert view_loginevent", ("Timeline", 'data-key="login-', "All logins", "Open alerts")),
        ("view_user view_activitylog", ("Timeline", "Joined")),
    ],
)
def test_the_page_of_a_user_shows_what_may_be_seen(person: User, right: str, marks: Any) -> None:
    answer = viewing(*right.split()).get(reverse("analytics:user", args=[person.pk]))

    if marks is None:
        assert answer.status_code == 403
        return
    page = answer.content.decode()
    everything = {
        "Timeline", 'data-key="login-', "All logins", "Active sessions", "data-session=", "Open alerts", "Joined",
    }  # fmt: skip
    assert {mark for mark in everything if mark in page} == set(marks)
    assert (ADDRESS.rpartition(".")[0] in page) == bool(
        {"view_loginevent", "view_usersession"} & {*right.split()}
    )


@pytest.mark.parametrize(("right", "status"), [("view_loginevent", 404), ("view_user", 403)])
def test_a_page_is_no_way_to_the_names_of_all_users(right: str, status: int) -> None:
    nobody = User.objects.create_user("unseen@example.com")

    assert viewing(right).get(reverse("analytics:user", args=[nobody.pk])).status_code == status


def test_who_may_view_users_may_see_that_nothing_is_known(person: User) -> None:
    nobody = User.objects.create_user("unseen@example.com")

    page = viewing("view_loginevent", "view_user").get(reverse("analytics:user", args=[nobody.pk]))

    assert "No events of this user." in page.content.decode()


def test_a_link_is_drawn_only_where_it_leads(person: User) -> None:
    page = shown(viewing("view_securityalert"))

    assert reverse("analytics:user", args=[person.pk]) not in page
    assert reverse("admin:tracking_loginevent_changelist") not in page


def test_to_end_a_session_takes_the_right_to(person: User) -> None:
    client = viewing("view_usersession")
    session = UserSession.objects.get(user=person)

    refused = client.post(reverse("analytics:end_sessions"), {"session": str(session.pk)})

    assert refused.status_code == 403
    assert 'class="an-quiet" aria-label="End' not in shown(client)
    session.refresh_from_db()
    assert session.ended_at is None
