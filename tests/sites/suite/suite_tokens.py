"""Tests that logins for tokens are told as what they are: with their method, without a session or a cookie."""

import base64
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.tracking.suite.conftest import PASSWORD, Browser, make_user
from tracking.models import LoginEvent, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db
FORM = {"username": "ann@example.com", "password": PASSWORD}
WAYS = {
    "drf": ("/drf/", FORM, "api_token"),
    "jwt": ("/jwt/", FORM, "jwt"),
    "djoser": ("/djoser/token/login/", FORM, "api_token"),
}


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"ann@example.com:{password}".encode()).decode()


def events() -> list[tuple[Any, ...]]:
    columns = ("user__username", "success", "failure_reason", "login_method", "session")
    return list(LoginEvent.objects.order_by("pk").values_list(*columns))


@pytest.mark.parametrize("way", WAYS)
def test_a_token_is_one_login_without_a_session(user: Any, way: str) -> None:
    path, form, method = WAYS[way]

    answer = Client().post(path, form)

    assert answer.status_code == 200
    assert events() == [("ann@example.com", True, "", method, None)]
    assert not UserSession.objects.exists()
    assert not answer.cookies


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_password_is_one_failure(user: Any, way: str) -> None:
    path, form, _ = WAYS[way]

    answer = Client().post(path, form | {"password": "wrong"})

    assert answer.status_code in (400, 401)
    assert events() == [("ann@example.com", False, "bad_password", "password", None)]


def test_knox_with_basic_authentication(user: Any) -> None:
    assert Client().post("/knox/login/", headers={"authorization": basic(PASSWORD)}).status_code == 200
    assert Client().post("/knox/login/", headers={"authorization": basic("wrong")}).status_code == 401

    assert [event[1:4] for event in events()] == [
        (True, "", "api_token"),
        (False, "bad_password", "password"),
    ]


def test_knox_as_documented_with_a_session_is_one_login_with_it(user: Any) -> None:
    answer = Client().post("/own-knox/", FORM)

    assert answer.status_code == 200
    session = UserSession.objects.get()
    assert events() == [("ann@example.com", True, "", "password", session.pk)]


def test_djoser_with_a_session_is_one_login_with_it(user: Any, settings: Any) -> None:
    settings.DJOSER = {"CREATE_SESSION_ON_LOGIN": True}

    assert Client().post("/djoser/token/login/", FORM).status_code == 200

    assert [event[1] for event in events()] == [True]
    assert events()[0][4] == UserSession.objects.get().pk


def test_a_refreshed_token_is_no_login(user: Any) -> None:
    refresh = Client().post("/jwt/", FORM).json()["refresh"]

    assert Client().post("/jwt/refresh/", {"refresh": refresh}).status_code == 200

    assert len(events()) == 1


def test_a_correct_password_that_the_view_refuses_is_a_failure(user: Any) -> None:
    assert Client().post("/choosy/", FORM).status_code == 403

    assert events() == [("ann@example.com", False, "refused", "jwt", None)]


def test_who_is_inactive_gets_no_token(user: Any) -> None:
    user.is_active = False
    user.save()

    assert Client().post("/jwt/", FORM).status_code == 401

    assert [event[1:3] for event in events()] == [(False, "inactive")]


def test_a_refused_login_is_told_although_the_transaction_was_rolled_back(user: Any) -> None:
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        assert Client().post("/choosy/", FORM).status_code == 403
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False

    assert events() == [("ann@example.com", False, "refused", "jwt", None)]


def test_errors_of_the_view_are_told_and_raise_no_alert(user: Any) -> None:
    for _ in range(12):
        assert Client(raise_request_exception=False).post("/choosy/?error=1", FORM).status_code == 500

    assert set(events()) == {("ann@example.com", False, "error", "jwt", None)}
    assert not SecurityAlert.objects.exists()


def test_a_token_asked_for_in_anothers_browser_has_no_session(user: Any) -> None:
    make_user("bob@example.com")
    browser = Browser("sync")
    browser.log_in("bob@example.com")

    assert browser.post("/jwt/", FORM).status_code == 200

    ann = LoginEvent.objects.get(user=user)
    assert (ann.login_method, ann.session_id) == ("jwt", None)
