"""Tests the summary of a user, and who is online."""

import datetime as dt
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.panels.sessions import count_online
from analytics.panels.summary import NEWEST, summary
from analytics.rights import Rights
from analytics.rollups.refresh import refresh
from cortex.models import User
from tests.analytics import naive
from tests.analytics.events import login_event
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db
NOW = timezone.now()
HOUR = dt.timedelta(hours=1)
ALL = Rights(
    logins=True,
    activities=True,
    sessions=True,
    alerts=True,
    handle_alerts=True,
    imports=True,
    accounts=True,
    end_sessions=True,
)


@pytest.fixture
def ann() -> User:
    user: User = User.objects.create_user("ann@example.com")
    return user


def write(user: User, number: int, **values: Any) -> None:
    LoginEvent.objects.bulk_create(
        login_event(NOW - n * HOUR, user_id=user.pk, ip_address=f"203.0.{n % 4}.7", **values)
        for n in range(number)
    )


def page_of(client: Client, user: User) -> str:
    return client.get(reverse("analytics:user", args=[user.pk])).content.decode()


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_user_was_seen_as_the_log_says(ann: User, is_counted: bool) -> None:
    write(ann, 30)
    write(ann, 10, success=False)
    if is_counted:
        refresh()
        LoginEvent.objects.bulk_create([login_event(NOW - 99 * HOUR, user_id=ann.pk)])  # late

    found = summary(ann, ALL, [])

    first, last, logins = naive.seen()[ann.pk]
    assert (found.first, found.last) == (f"{first:%d %b %Y, %H:%M:%S}", f"{last:%d %b %Y, %H:%M:%S}")
    assert found.logins == logins == 30 + is_counted


def test_devices_and_networks_are_those_of_successes_the_latest_first(ann: User) -> None:
    write(ann, 3)
    write(ann, 1, success=False, browser="Evil")
    LoginEvent.objects.bulk_create(
        [login_event(NOW - 9 * HOUR, user_id=ann.pk, browser="Safari", os="iOS", ip_address="2001:db8::5")]
    )

    found = summary(ann, ALL, [])

    devices = [(device.described, device.logins) for device in found.devices or ()]
    assert devices == [("Chrome · Windows · desktop", 3), ("Safari · iOS · desktop", 1)]
    assert [network.text for network in found.networks or ()] == [
        "203.0.0.0/24", "203.0.1.0/24", "203.0.2.0/24", "2001:db8::/64",
    ]  # fmt: skip
    assert not found.is_bounded


def test_of_very_many_logins_the_latest_are_looked_at_and_the_page_says_so(
    admin_client: Client, ann: User
) -> None:
    write(ann, NEWEST + 5)

    assert "among the latest 1,000 logins" in page_of(admin_client, ann)


def test_the_page_has_the_account_and_its_open_alerts(admin_client: Client, ann: User) -> None:
    write(ann, 2)
    for number, state in enumerate(("open", "acknowledged", "resolved", "muted")):
        SecurityAlert.objects.create(kind="failure_burst", user=ann, occasion=str(number), state=state)

    page = page_of(admin_client, ann)

    assert page.count("an-severity-medium") == 2
    assert f"/admin/tracking/securityalert/?user__exact={ann.pk}" in page
    assert reverse("admin:cortex_user_change", args=[ann.pk]) in page
    assert f"{ann.created_at:%d %b %Y}" in page
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert "deactivated" in page_of(admin_client, ann)


def test_a_user_without_a_login_has_a_page(admin_client: Client, ann: User) -> None:
    page = page_of(admin_client, ann)

    assert "No successful login." in page
    assert "End all" not in page


def test_all_sessions_of_somebody_else_are_ended_also_if_there_is_one(
    admin_client: Client, ann: User
) -> None:
    UserSession.objects.create(user=ann, expires_at=NOW + 24 * HOUR)

    assert "End all sessions<" in page_of(admin_client, ann)
    admin_client.post(reverse("analytics:end_sessions"), {"user": str(ann.pk)})

    assert not UserSession.objects.open().filter(user=ann).exists()


def test_ones_own_session_outlives_the_end_of_all_ones_sessions(ann: User) -> None:
    client, root = Client(), User.objects.create_superuser("root@example.com", password="pw-of-root")
    client.force_login(root)
    own = UserSession.objects.get(user=root)
    UserSession.objects.create(user=root, expires_at=NOW + 24 * HOUR)

    assert "End all sessions but this one" in page_of(client, root)
    client.post(reverse("analytics:end_sessions"), {"user": str(root.pk)})

    assert [session.pk for session in UserSession.objects.open().filter(user=root)] == [own.pk]
    assert "End all" not in page_of(client, root)
    assert ActivityLog.objects.get(action="session.ended").metadata == {"sessions": 1}


def test_the_page_takes_few_queries_however_many_logins(admin_client: Client, ann: User) -> None:
    taken = []
    for number in (3, 200):
        write(ann, number)
        with CaptureQueriesContext(connection) as asked:
            page_of(admin_client, ann)
        taken.append(len(asked))

    assert taken[0] == taken[1] <= 26


def test_people_are_online_while_they_were_seen_in_the_last_minutes(ann: User) -> None:
    def seen(minutes: float, **values: Any) -> None:
        moment = timezone.now() - dt.timedelta(minutes=minutes)
        UserSession.objects.create(expires_at=NOW + 24 * HOUR, last_seen_at=moment, **values)

    ben, carl, dora = (User.objects.create_user(f"{name}@example.com") for name in ("ben", "carl", "dora"))
    with override_settings(TRACKING={"TOUCH_SECONDS": 60}):
        seen(1, user=ann)
        seen(2, user=ann)
        seen(5.9, user=ben)  # noted up to a minute late
        seen(6.1, user=carl)
        seen(1, user=dora, ended_at=NOW, end_reason="logout")
        seen(1)  # of somebody who was erased

        assert count_online() == 2


def test_the_dashboard_says_who_is_active_new_and_online(admin_client: Client, ann: User) -> None:
    caches["analytics"].clear()
    LoginEvent.objects.all().delete()
    LoginEvent.objects.bulk_create(
        login_event(NOW - days * 24 * HOUR, user_id=user)
        for days, user in ((0, 1), (5, 2), (20, 3), (40, 1), (41, 4))
    )

    page = admin_client.get(reverse("analytics:dashboard")).context["page"].people

    figures = {figure.name: figure.value for figure in page.figures}
    assert figures | {"unused-never": "", "unused-90d": ""} == {
        "online": "1", "today": "1", "week": "2", "month": "3", "new": "2", "returning": "1",
        "unused-never": "", "unused-90d": "",
    }  # fmt: skip
    assert page.rows.count("<tr>") == 28


def test_who_is_new_is_not_claimed_if_nothing_is_known_from_before(admin_client: Client) -> None:
    caches["analytics"].clear()
    LoginEvent.objects.bulk_create([login_event(NOW, user_id=1)])

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    assert "no logins are known from before the period" in page


def test_the_tab_of_the_system_is_answered_with_news_only(admin_client: Client) -> None:
    address = reverse("analytics:system_panels")
    page = admin_client.get(reverse("analytics:system")).content.decode()

    first = admin_client.get(address)
    again = admin_client.get(address, headers={"if-none-match": first.headers["ETag"]})

    assert f'data-panels="{address}"' in page
    assert 'aria-current="page">System' in page
    assert first.status_code == 200
    assert (again.status_code, again.content) == (304, b"")
