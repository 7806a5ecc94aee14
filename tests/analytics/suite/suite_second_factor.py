"""Tests that the dashboard requires the admin's second factor. `test_host_site.py` runs it."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice

from tracking.models import ActivityLog, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db
TOKEN = "123456"
PAGES = ("dashboard", "download", "user", "address", "entity", "alert", "system", "accounts", "accounts_file")
PROGRAMS = ("panels", "system_panels", "data", "feed", "sessions")
ARGUMENTS: dict[str, list[Any]] = {
    "download": ["logins", "csv"],
    "user": [1],
    "address": ["10.0.0.1"],
    "entity": ["crm.contact", "7"],
    "alert": [1],
    "handle_alert": [1],
}


@pytest.fixture
def root() -> Any:
    model: Any = get_user_model()
    SecurityAlert.objects.create(pk=1, kind="spraying", ip_address="10.0.0.1", occasion="one")
    return model.objects.create_superuser("root", password="pw-of-root")


@pytest.fixture
def by_password(root: Any) -> Client:
    """Sign in elsewhere on the site, with only the password."""
    client = Client()
    assert client.login(username="root", password="pw-of-root")
    return client


def address(name: str) -> str:
    return reverse(f"analytics:{name}", args=ARGUMENTS.get(name, []))


def test_every_address_is_tried_here() -> None:
    (analytics,) = [
        pattern for pattern in get_resolver().url_patterns if getattr(pattern, "app_name", "") == "analytics"
    ]

    assert {pattern.name for pattern in analytics.url_patterns} == {
        *PAGES,
        *PROGRAMS,
        "search",
        "end_sessions",
        "handle_alert",
        "save_view",
        "delete_view",
    }


@pytest.mark.parametrize("name", PAGES)
def test_no_page_and_no_file_without_the_second_factor(by_password: Client, name: str) -> None:
    answer = by_password.get(address(name))

    assert by_password.get(reverse("admin:index")).status_code == 302
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/?next=/admin/analytics/")
    assert not ActivityLog.objects.exists()


def test_nobody_is_found_without_the_second_factor(by_password: Client) -> None:
    answer = by_password.get(address("search"), {"q": "root"})

    assert answer.headers["Location"].startswith("/admin/login/?next=")


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_json_without_the_second_factor(by_password: Client, name: str) -> None:
    answer = by_password.get(address(name))

    assert answer.status_code == 403
    assert answer.json() == {"error": "The admin does not accept this session. Sign in to the admin first."}


def test_no_session_is_ended_without_the_second_factor(by_password: Client, root: Any) -> None:
    session = UserSession.objects.create(user=root, expires_at=timezone.now() + dt.timedelta(days=1))

    answer = by_password.post(address("end_sessions"), {"session": str(session.pk)})

    assert answer.status_code == 302
    session.refresh_from_db()
    assert session.ended_at is None


def test_no_alert_is_handled_without_the_second_factor(by_password: Client) -> None:
    answer = by_password.post(address("handle_alert"), {"state": "resolved", "opened_at": ""})

    assert answer.status_code == 302
    assert SecurityAlert.objects.get().state == "open"


def test_with_the_second_factor_all_of_it_is_there(root: Any) -> None:
    device = StaticDevice.objects.create(user=root, name="codes")
    device.token_set.create(token=TOKEN)
    client = Client()
    form = {
        "username": "root",
        "password": "pw-of-root",
        "otp_token": TOKEN,
        "otp_device": device.persistent_id,
        "next": "/admin/",
    }
    assert client.post("/admin/login/", form).status_code == 302

    for name in (*PAGES, *PROGRAMS):
        arguments = [root.pk] if name == "user" else ARGUMENTS.get(name, [])
        assert client.get(reverse(f"analytics:{name}", args=arguments)).status_code == 200, name
