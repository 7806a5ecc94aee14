"""Tests the methods of logins through allauth, by e-mail and by sign-on."""

from typing import Any

import pytest
from django.apps import apps

from tests.tracking.suite.conftest import PASSWORD, Browser
from tracking.models import LoginEvent

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not apps.is_installed("allauth"), reason="this host leaves logins to Django"),
]


def test_an_email_and_a_password_are_the_method_email(user: Any) -> None:
    answer = Browser("sync").post("/accounts/login/", {"login": "ann@example.com", "password": PASSWORD})

    assert answer.status_code == 302
    event = LoginEvent.objects.get()
    assert (event.user, event.success, event.login_method) == (user, True, "email")


def test_a_wrong_password_is_one_failure_of_that_user(user: Any) -> None:
    Browser("sync").post("/accounts/login/", {"login": "ann@example.com", "password": "wrong"})

    event = LoginEvent.objects.get()
    assert (event.user, event.success, event.failure_reason) == (user, False, "bad_password")


def test_sign_on_is_called_after_its_provider(db: None) -> None:
    sign_on(Browser("sync"), "jane")

    event = LoginEvent.objects.get()
    assert (event.success, event.login_method) == (True, "dummy")


def test_a_site_may_call_it_otherwise(db: None, settings: Any) -> None:
    settings.TRACKING = settings.TRACKING | {"PROVIDER_METHODS": {"dummy": "okta_saml"}}

    sign_on(Browser("sync"), "jane")

    assert LoginEvent.objects.get().login_method == "okta_saml"


def sign_on(browser: Browser, who: str) -> None:
    """Sign on through allauth's dummy provider, a form in place of Google or Okta."""
    answer = browser.post("/accounts/dummy/login/")
    data = {"id": "1", "email": f"{who}@example.com", "email_verified": "on"}
    browser.post(answer.headers["Location"], data)
