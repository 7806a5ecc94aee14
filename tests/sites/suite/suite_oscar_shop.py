"""Tests a shop of django-oscar: its customers' logins, and both apps called analytics."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.tracking.suite.conftest import PASSWORD, make_user
from tracking.models import LoginEvent, UserSession

pytestmark = pytest.mark.django_db


def test_both_apps_are_there_and_nothing_is_left_to_migrate() -> None:
    call_command("makemigrations", "tracking", "login_analytics", check=True, dry_run=True, verbosity=0)
    assert [
        message.id for message in run_checks() if str(message.id).startswith(("tracking", "analytics"))
    ] == []


def test_a_customer_signs_in_through_the_shops_own_form(client: Client) -> None:
    make_user()
    prefix = "login_form"
    form = {
        f"login-{name}": value
        for name, value in (("username", "ann@example.com"), ("redirect_url", "/accounts/"))
    } | {"login_submit": "1"}

    client.post("/accounts/login/", form | {"login-password": "wrong"})
    answer = client.post("/accounts/login/", form | {"login-password": PASSWORD})

    assert answer.status_code == 302, prefix
    columns = ("success", "failure_reason", "login_method", "user__email")
    assert list(LoginEvent.objects.order_by("pk").values_list(*columns)) == [
        (False, "bad_password", "password", "ann@example.com"),
        (True, "", "password", "ann@example.com"),
    ]
    assert UserSession.objects.count() == 1


def test_the_dashboard_shows_them(client: Client) -> None:
    model: Any = get_user_model()
    model.objects.create_superuser("root", "root@example.com", "pw-of-root")
    client.post("/admin/login/", {"username": "root", "password": "pw-of-root"})

    assert client.get(reverse("analytics:dashboard")).status_code == 200
    assert client.get(reverse("analytics:data"), {"range": "1d"}).json()["totals"]["successes"] == 1
    assert "login_analytics" in client.get("/admin/").content.decode()
