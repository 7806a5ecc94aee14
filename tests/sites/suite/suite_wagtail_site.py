"""Tests a site of Wagtail: logins to its administration, and the dashboard beside it."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.tracking.suite.conftest import PASSWORD, make_user
from tracking.models import LoginEvent, UserSession

pytestmark = pytest.mark.django_db


def test_nothing_is_left_to_migrate() -> None:
    call_command("makemigrations", "tracking", "analytics", check=True, dry_run=True, verbosity=0)


def test_logins_to_wagtail_are_recorded(client: Client) -> None:
    make_user("root", is_staff=True, is_superuser=True)
    form = {"username": "root", "next": "/admin/"}

    client.post("/admin/login/", form | {"password": "wrong"})
    assert client.post("/admin/login/", form | {"password": PASSWORD}).status_code == 302

    assert list(
        LoginEvent.objects.order_by("pk").values_list("success", "failure_reason", "login_method")
    ) == [
        (False, "bad_password", "password"),
        (True, "", "password"),
    ]
    assert client.get("/admin/").status_code == 200
    assert client.get(reverse("analytics:dashboard")).status_code == 200


def test_an_editor_without_the_right_sees_no_dashboard(client: Client) -> None:
    make_user("editor", is_staff=True)
    client.post("/django-admin/login/", {"username": "editor", "password": PASSWORD})

    assert client.get(reverse("analytics:dashboard")).status_code == 403


def test_an_ended_session_is_out_of_wagtail_too(client: Client) -> None:
    make_user("root", is_staff=True, is_superuser=True)
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})

    UserSession.objects.all().end("ended_by_admin")

    assert client.get("/admin/").status_code == 302
