"""Tests the panel of people, the lists of accounts, a user's summary and the tab of the system, as people use them."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.cache import caches
from django.test import override_settings
from django.utils import timezone

from analytics.rollups.refresh import refresh
from cortex.models import User
from tests.analytics.browser.conftest import Visitor
from tests.analytics.events import login_event
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

Visit = Callable[..., Visitor]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def ann(admin: User) -> User:
    """Write logins of some users, and an account that was never used."""
    caches["analytics"].clear()
    now = timezone.now()
    ann, ben, _never = (User.objects.create_user(f"{name}@example.com") for name in ("ann", "ben", "never"))
    LoginEvent.objects.bulk_create(
        login_event(now - dt.timedelta(days=days), user_id=user.pk, ip_address="203.0.113.7")
        for user, first, last in ((ann, 1, 60), (ben, 100, 120))
        for days in range(first, last)
    )
    UserSession.objects.create(user=ann, expires_at=now + dt.timedelta(days=1), ip_address="203.0.113.7")
    SecurityAlert.objects.create(kind="failure_burst", user=ann, occasion="one")
    refresh()
    return ann


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_from_a_number_one_comes_to_the_accounts_and_to_a_user(
    visit: Visit, admin: User, ann: User, width: int, scheme: str
) -> None:
    visitor = visit(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = visitor.log_in(admin)
    assert page.inner_text('[data-figure="unused-90d"] b') == "1"
    assert not visitor.is_too_wide()

    page.click('[data-figure="unused-90d"] a')
    page.wait_for_url("**/accounts/?unused=90d")
    assert not visitor.is_too_wide()
    page.click("text=Never used · 1")
    page.wait_for_selector("text=never@example.com")
    page.click("text=Not used for 90 days · 1")
    page.click("text=ben@example.com")

    page.wait_for_url("**/users/*/")
    assert page.inner_text("h1") == "ben@example.com"
    assert "No active sessions." in page.inner_text(".an-page")
    assert not visitor.is_too_wide()


def test_all_sessions_are_ended_from_the_summary(visit: Visit, admin: User, ann: User) -> None:
    page = visit(java_script_enabled=False).log_in(admin, f"/admin/analytics/users/{ann.pk}/")
    assert "Burst of failures" in page.inner_text(".an-page")
    assert "203.0.113.0/24" in page.inner_text(".an-pair")

    page.click("text=End all sessions")

    page.wait_for_selector(".messagelist >> text=Ended 1 session.")
    assert not UserSession.objects.open().filter(user=ann).exists()


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_the_tab_of_the_system_updates_itself(visit: Visit, admin: User) -> None:
    page = visit().log_in(admin)

    page.click("text=System")

    page.wait_for_selector('[data-part="caches"]')
    before = page.inner_text("#an-state")
    page.wait_for_function("before => document.getElementById('an-state').textContent !== before", arg=before)
    page.click("#an-pause")
    assert page.inner_text("#an-state").startswith("paused at ")
    assert page.get_attribute('nav a[aria-current="page"]', "href") == "/admin/analytics/system/"


def test_without_scripts_the_days_are_a_table(visit: Visit, admin: User, ann: User) -> None:
    page = visit(java_script_enabled=False).log_in(admin)

    page.click('[data-part="people"] summary')

    assert page.locator('[data-part="people"] tbody tr').count() == 28
    assert page.inner_text('[data-figure="month"] b') == "2"


ALL_CELLS = """tables => tables.flatMap(table => [...table.querySelectorAll("tbody td")]).map(cell => {
    const { left, right, width, height } = cell.getBoundingClientRect();
    return { text: cell.innerText, left, right, isShown: width > 1 && height > 1 };
})"""


@pytest.mark.parametrize("part", ["dashboard", "user", "address", "entity", "alert"])
def test_all_of_an_event_and_of_a_session_is_on_the_screen_of_a_phone(
    visit: Visit, admin: User, ann: User, part: str
) -> None:
    alert = SecurityAlert.objects.get()
    browser = "Samsung Internet for Android"
    LoginEvent.objects.bulk_create(
        login_event(
            timezone.now(), user_id=ann.pk, identifier=ann.email, ip_address="2001:db8:1234:5678:9abc:def0:1234:5678",
            browser=browser,
        )
        for _ in range(2)
    )  # fmt: skip
    UserSession.objects.filter(user=ann).update(browser=browser, os="Windows", login_method="okta_saml")
    ActivityLog.objects.create(
        action="alert.acknowledged", entity_type="tracking.securityalert", entity_id=alert.pk, user=ann
    )
    path = {
        "dashboard": "",
        "user": f"users/{ann.pk}/",
        "address": "addresses/2001:db8:1234:5678:9abc:def0:1234:5678/",
        "entity": f"entities/tracking.securityalert/{alert.pk}/",
        "alert": f"alerts/{alert.pk}/",
    }[part]
    visitor = visit(viewport={"width": 390, "height": 900})
    page = visitor.log_in(admin, f"/admin/analytics/{path}")

    page.wait_for_selector(".an-events tbody td")
    cells = page.locator(".an-events").evaluate_all(ALL_CELLS)

    assert len(cells) >= 4
    assert [cell for cell in cells if cell["left"] < 0 or cell["right"] > 390] == []
    assert [cell for cell in cells if cell["text"] and not cell["isShown"]] == []
    assert not visitor.is_too_wide()
    visitor.take_picture(f"phone-{part}")
