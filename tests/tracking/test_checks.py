"""Tests the texts of the system checks: the id, what is wrong, and what to do."""

from typing import Any

import pytest
from django.core.checks import CheckMessage

from tracking.checks import check_deployment, check_middleware, check_settings

TRACKING = "tracking.middleware.TrackingMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def said(messages: list[CheckMessage]) -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in messages]


def test_the_site_itself_has_nothing_to_mend() -> None:
    assert said([*check_settings(), *check_middleware(), *check_deployment()]) == []


def test_e001_an_unknown_key(settings: Any) -> None:
    settings.TRACKING = {"TRUSTED_PROXIES": 1}

    messages = check_settings()
    assert said(messages) == [("tracking.E001", 'TRACKING has the unknown key "TRUSTED_PROXIES".')]
    assert "TRUSTED_PROXY_COUNT" in str(messages[0].hint)


def test_e002_a_writer_that_there_is_not(settings: Any) -> None:
    settings.TRACKING = {"WRITER": "kafka"}

    assert said(check_settings()) == [
        ("tracking.E002", 'TRACKING["WRITER"] is "kafka", which is not a valid writer.')
    ]


@pytest.mark.parametrize("value", [-1, "1", None])
def test_e003_no_number_of_proxies(settings: Any, value: Any) -> None:
    settings.TRACKING = {"TRUSTED_PROXY_COUNT": value}

    assert said(check_settings()) == [
        ("tracking.E003", f'TRACKING["TRUSTED_PROXY_COUNT"] is {value!r}, which is not a number from 0 up.')
    ]


def test_w001_no_middleware(settings: Any) -> None:
    settings.MIDDLEWARE = [AUTHENTICATION]

    messages = check_middleware()
    assert said(messages) == [("tracking.W001", f'"{TRACKING}" is not in MIDDLEWARE.')]
    assert str(messages[0].hint).startswith(f'Add it after "{AUTHENTICATION}".')


def test_w002_the_middleware_in_front_of_the_login(settings: Any) -> None:
    settings.MIDDLEWARE = [TRACKING, AUTHENTICATION]

    assert said(check_middleware()) == [
        ("tracking.W002", f'"{TRACKING}" comes before "{AUTHENTICATION}" in MIDDLEWARE.')
    ]


def test_w003_sessions_that_nobody_can_delete(settings: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

    assert said(check_deployment()) == [
        ("tracking.W003", "Sessions are stored in signed cookies, which the server cannot delete.")
    ]


def test_w004_a_spool_that_a_restart_empties(settings: Any) -> None:
    settings.TRACKING = {}

    assert [message.id for message in check_deployment()] == ["tracking.W004"]


def test_w005_a_proxy_that_nobody_counted(settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    messages = check_deployment()
    assert [message.id for message in messages] == ["tracking.W005"]
    assert "TRUSTED_PROXY_COUNT" in str(messages[0].hint)
