"""Tests second factors and logins by code of allauth: those that were passed, and those that failed."""

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
from django.core import mail

from tests.tracking.suite.conftest import PASSWORD, Browser
from tracking.models import LoginEvent

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
