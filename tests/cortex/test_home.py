"""The home page begins with what needs its reader."""

import datetime as dt
import re

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cortex.models import User
from tests.cortex.factories import PovFactory, TrrFactory, UserFactory
from tracking.models import SecurityAlert

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(client: Client) -> User:
    caches["lists"].clear()
    user = UserFactory()
    client.force_login(user)
    return user


def within(days: int) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=days)


def part(client: Client, name: str) -> list[tuple[str, str]]:
    """Returns (title, why) of the rows of a section."""
    section = client.get("/").content.decode().partition(f'<h2 id="{name}">')[2].partition("</section>")[0]
    return re.findall(
        r'<a href="[^"]+">([^<]+)</a>.*?<span class="(?:chip|badge)[^>]*>([^<]*)</span>', section, re.S
    )


def test_what_is_late_comes_first_and_each_row_says_why(client: Client, ann: User) -> None:
    PovFactory(owner=ann, title="Today", status="planned", end_date=within(0))
    PovFactory(owner=ann, title="Late", status="active", end_date=within(-3))
    PovFactory(owner=ann, title="Held", status="on_hold", end_date=within(60))
    TrrFactory(assessor=ann, title="Review", status="in_review", due_on=within(-1))
    TrrFactory(pov__owner=ann, pov__status="won", title="Orphan", risk_level="critical", due_on=None)

    assert part(client, "needs") == [
        ("Late", "3 days overdue"),
        ("Review", "1 day overdue"),
        ("Today", "Due today"),
        ("Held", "On hold"),
        ("Orphan", "No assessor"),
    ]


def test_what_is_not_urgent_is_in_progress_and_what_is_over_is_neither(client: Client, ann: User) -> None:
    PovFactory(owner=ann, title="Later", status="active", end_date=within(8))
    PovFactory(owner=ann, title="Whenever", status="active", end_date=None)
    PovFactory(owner=ann, title="Won", status="won", end_date=within(-8))
    TrrFactory(assessor=ann, title="Closed", status="closed", due_on=within(-8), pov__status="lost")

    assert part(client, "needs") == []
    assert [title for title, _ in part(client, "progress")] == ["Later", "Whenever"]


def test_the_work_of_others_is_not_mine(client: Client, ann: User) -> None:
    PovFactory(title="Theirs", status="active", end_date=within(-1))
    TrrFactory(pov__owner=ann, pov__status="won", assessor=UserFactory(), due_on=within(-1), title="Assigned")

    page = client.get("/").content.decode()

    assert part(client, "needs") == []
    assert "Theirs" not in page


def test_nobody_is_left_with_an_empty_page(client: Client, ann: User) -> None:
    page = client.get("/").content.decode()

    assert "Nothing is assigned to you." in page
    assert "In progress" not in page


def test_numbers_lead_into_the_lists(client: Client, ann: User) -> None:
    PovFactory(owner=ann, title="Late", status="active", end_date=within(-1))

    page = client.get("/").content.decode()
    [address] = re.findall(r'<a href="([^"]+)"><strong>1</strong> POVs overdue', page)

    assert ">Late</a>" in client.get(address.replace("&amp;", "&")).content.decode()


@pytest.fixture
def alerts(db: None) -> None:
    """Two that the home page counts, and one each that is handled or not grave."""
    for occasion, kind, state in (
        ("1", "success_after_burst", "open"),
        ("2", "reported", "open"),
        ("3", "reported", "acknowledged"),
        ("4", "spraying", "open"),
    ):
        SecurityAlert.objects.create(kind=kind, state=state, occasion=occasion)


def guard(**fields: bool) -> User:
    user = UserFactory(**fields)
    user.user_permissions.set(Permission.objects.filter(codename="view_securityalert"))
    return user


def test_open_alerts_of_high_severity_come_before_everything_else(client: Client, alerts: None) -> None:
    client.force_login(guard(is_staff=True))

    page = client.get("/").content.decode()
    [address] = re.findall(r'<a href="([^"]+)">2 open alerts of high severity</a>', page)

    assert page.index("open alerts") < page.index('class="numbers"')
    assert client.get(address.replace("&amp;", "&")).status_code == 200
    SecurityAlert.objects.filter(occasion="1").update(state="resolved")
    assert ">1 open alert of high severity</a>" in client.get("/").content.decode()
    SecurityAlert.objects.filter(occasion="2").update(state="muted")
    assert "high severity" not in client.get("/").content.decode()


def test_alerts_are_neither_shown_to_others_nor_read_for_them(client: Client, alerts: None) -> None:
    for user in (UserFactory(), UserFactory(is_staff=True), guard(is_staff=False)):
        client.force_login(user)
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/").content.decode()

        assert "high severity" not in page
        assert not [query for query in queries.captured_queries if "security_alerts" in query["sql"]]
