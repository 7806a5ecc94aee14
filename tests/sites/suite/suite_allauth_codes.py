"""Tests second factors and logins by code of allauth: those that were passed, and those that failed."""

import datetime as dt
import re
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests.tracking.suite.conftest import PASSWORD, Browser
from tracking.models import LoginEvent, UserSession
from tracking.state import forget

pytestmark = pytest.mark.django_db
ANN = "ann@example.com"


def events() -> list[tuple[Any, ...]]:
    columns = ("user__username", "success", "failure_reason", "login_method", "second_factor")
    return list(LoginEvent.objects.order_by("pk").values_list(*columns))


@pytest.fixture
def secret(user: Any) -> str:
    made = generate_totp_secret()
    TOTP.activate(user, made)
    return str(made)


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def log_in(browser: Browser) -> None:
    answer = browser.post("/accounts/login/", {"login": ANN, "password": PASSWORD})
    assert answer.headers["Location"] == "/accounts/2fa/authenticate/"


def test_a_login_with_a_code(secret: str) -> None:
    browser = Browser("sync")
    log_in(browser)
    assert events() == []

    browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})

    assert events() == [(ANN, True, "", "email", "totp")]


def test_a_login_with_a_recovery_code(user: Any, secret: str) -> None:
    codes = RecoveryCodes.activate(user)
    browser = Browser("sync")
    log_in(browser)

    browser.post("/accounts/2fa/authenticate/", {"code": codes.get_unused_codes()[0]})

    assert events() == [(ANN, True, "", "email", "recovery_codes")]


def test_a_wrong_code_after_a_correct_password(secret: str) -> None:
    browser = Browser("sync")
    log_in(browser)

    browser.post("/accounts/2fa/authenticate/", {"code": "000000"})

    assert events() == [(ANN, False, "bad_code", "email", "totp")]


def test_a_login_by_code(user: Any) -> None:
    browser = Browser("sync")
    browser.post("/accounts/login/code/", {"email": ANN})
    code = re.search(r"^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", str(mail.outbox[0].body), re.MULTILINE)
    assert code, mail.outbox[0].body

    browser.post("/accounts/login/code/confirm/", {"code": "AAAAAA"})
    browser.post("/accounts/login/code/confirm/", {"code": code[1]})

    assert events() == [(ANN, False, "bad_code", "code", ""), (ANN, True, "", "code", "")]


class App:
    """A client of allauth's headless API, which has a token and no cookie."""

    def __init__(self) -> None:
        self.token = ""

    def call(self, method: str, path: str, data: Any = None) -> Any:
        headers = {"X-Session-Token": self.token} if self.token else {}
        call = getattr(Client(), method)
        answer = call(f"/_allauth/app/v1/auth/{path}", data, content_type="application/json", headers=headers)
        self.token = answer.json().get("meta", {}).get("session_token") or self.token
        return answer

    def log_in(self) -> int:
        return int(self.call("post", "login", {"email": ANN, "password": PASSWORD}).status_code)


def test_an_app_has_a_session_which_can_be_ended(user: Any) -> None:
    app = App()
    assert app.log_in() == 200
    assert app.call("get", "session").status_code == 200
    session = UserSession.objects.get()
    assert events() == [(ANN, True, "", "email", "")]
    assert LoginEvent.objects.get().session == session

    session.end("ended_by_admin")

    assert app.call("get", "session").status_code in (401, 410)
    assert not Session.objects.exists()


def test_the_session_of_an_app_is_touched(user: Any) -> None:
    app = App()
    app.log_in()
    forget()
    before = timezone.now() - dt.timedelta(days=1)
    UserSession.objects.update(last_seen_at=before)

    app.call("get", "session")

    assert UserSession.objects.get().last_seen_at > before


def test_a_second_factor_of_an_app_is_told(secret: str) -> None:
    app = App()
    assert app.log_in() == 401
    assert app.call("post", "2fa/authenticate", {"code": "000000"}).status_code == 400
    assert app.call("post", "2fa/authenticate", {"code": code_of(secret)}).status_code == 200

    assert events() == [(ANN, False, "bad_code", "email", "totp"), (ANN, True, "", "email", "totp")]
    assert UserSession.objects.get().is_open


def test_a_wrong_password_of_an_address_has_the_method_of_a_right_one(user: Any) -> None:
    browser = Browser("sync")
    browser.post("/accounts/login/", {"login": ANN, "password": "wrong"})

    assert events() == [(ANN, False, "bad_password", "email", "")]
