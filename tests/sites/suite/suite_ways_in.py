"""Tests the method and the reason of logins by magic links, by backends of the site, and during a lockout."""

from typing import Any

import pytest
from django.test import Client
from sesame.utils import get_query_string

from tests.tracking.suite.conftest import PASSWORD, Browser
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db


def events() -> list[tuple[Any, ...]]:
    columns = ("success", "failure_reason", "login_method")
    return list(LoginEvent.objects.order_by("pk").values_list(*columns))


def test_a_magic_link_is_told_as_one(user: Any) -> None:
    assert Client().get("/sesame/" + get_query_string(user)).status_code == 302

    assert events() == [(True, "", "magic_link")]


def test_a_bad_magic_link_is_no_bad_password(user: Any) -> None:
    assert Client().get("/sesame/?sesame=forged").status_code == 403

    assert events() == [(False, "bad_credentials", "magic_link")]


def test_a_link_of_the_sites_own_is_another_method(user: Any) -> None:
    assert Client().post("/log-in/", {"user_pk": user.pk, "link": "right"}).status_code == 200
    assert Client().post("/log-in/", {"user_pk": user.pk, "link": "wrong"}).status_code == 403

    assert events() == [(True, "", "other"), (False, "bad_credentials", "other")]


def test_a_backend_that_takes_a_password_is_one_for_passwords(user: Any) -> None:
    assert Client().post("/log-in/", {"nickname": "ann", "password": PASSWORD}).status_code == 200

    assert events() == [(True, "", "password")]


def test_a_correct_password_during_a_lockout_is_told_as_locked_out(user: Any) -> None:
    browser = Browser("sync")
    for _ in range(3):
        browser.log_in(password="wrong")
    answer = browser.log_in()

    assert answer.status_code == 429
    assert [event[1] for event in events()] == ["bad_password"] * 3 + ["locked_out"]
