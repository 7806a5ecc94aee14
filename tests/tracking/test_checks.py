"""Tests the texts of the system checks: the id, what is wrong, and what to do."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage

from tracking.checks import check_deployment, check_middleware, check_places, check_settings
from tracking.delivery.checks import check_delivery

TRACKING = "tracking.middleware.TrackingMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def said(messages: list[CheckMessage]) -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in messages]


def test_the_site_itself_has_nothing_to_mend() -> None:
    assert (
        said(
            [*check_settings(), *check_delivery(), *check_middleware(), *check_places(), *check_deployment()]
        )
        == []
    )


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


@pytest.mark.parametrize("value", [7, [None]])
def test_e015_no_path_of_a_database(settings: Any, value: Any) -> None:
    settings.TRACKING = {"GEO_DATABASE": value}

    assert said(check_places()) == [
        ("tracking.E015", f'TRACKING["GEO_DATABASE"] is {value!r}, which is not a path.')
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


SECRET = "whsec_" + "c" * 44
WEBHOOK = {"ALERT_WEBHOOK_URL": "https://hooks.example.com/x", "ALERT_WEBHOOK_SECRET": SECRET}


def said_of(settings: Any, **tracking: Any) -> list[tuple[str | None, str]]:
    settings.TRACKING = {"SITE_URL": "https://www.example.com"} | tracking
    return said(check_delivery())


def test_channels_that_are_set_up_well(settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 10

    assert said_of(settings, **WEBHOOK, ALERT_MAIL=["security@example.com"], NEW_DEVICE_MAIL=True) == []


@pytest.mark.parametrize("value", ["security@example.com", [""], [1], None])
def test_e008_no_list(settings: Any, value: Any) -> None:
    assert said_of(settings, ALERT_MAIL=value) == [
        ("tracking.E008", f'TRACKING["ALERT_MAIL"] is {value!r}, which is not a list of texts.')
    ]


def test_e008_an_address_that_there_cannot_be(settings: Any) -> None:
    assert said_of(settings, ALERT_MAIL=["a@example.com", "b@example.com\nBcc: c@example.com"])[0] == (
        "tracking.E008",
        'TRACKING["ALERT_MAIL"] has "b@example.com\nBcc: c@example.com", which is not a valid e-mail address.',
    )


def test_e009_a_severity_that_there_is_not(settings: Any) -> None:
    assert said_of(settings, ALERT_MIN_SEVERITY="urgent") == [
        ("tracking.E009", 'TRACKING["ALERT_MIN_SEVERITY"] is "urgent", which is not a valid severity.')
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/token",
        "https://me:token@hooks.example.com/",
        "hooks.example.com/token",
        "https://a b/",
    ],
)
def test_e010_an_address_that_nothing_is_sent_to_and_that_is_not_quoted(settings: Any, url: str) -> None:
    assert said_of(settings, **WEBHOOK | {"ALERT_WEBHOOK_URL": url}) == [
        ("tracking.E010", 'TRACKING["ALERT_WEBHOOK_URL"] is not an address that alerts can be sent to.')
    ]


def test_e010_http_to_a_host_of_ones_own(settings: Any) -> None:
    own = {"ALERT_WEBHOOK_URL": "http://alerts.internal/", "ALERT_WEBHOOK_PRIVATE_HOSTS": ["alerts.internal"]}

    assert said_of(settings, **WEBHOOK | own) == []


@pytest.mark.parametrize(
    "secret", ["", "secret", "whsec_c2hvcnQ=", "whsec_?", "whsec_" + "c" * 200, SECRET + " x"]
)
def test_e011_a_secret_that_cannot_sign_and_that_is_not_quoted(settings: Any, secret: str) -> None:
    assert said_of(settings, **WEBHOOK | {"ALERT_WEBHOOK_SECRET": secret}) == [
        ("tracking.E011", 'TRACKING["ALERT_WEBHOOK_SECRET"] is not a secret that alerts can be signed with.')
    ]


@pytest.mark.parametrize("url", ["www.example.com", "https://www.example.com/path/", "ftp://x"])
def test_e012_no_address_of_a_site(settings: Any, url: str) -> None:
    assert said_of(settings, SITE_URL=url) == [
        ("tracking.E012", f'TRACKING["SITE_URL"] is "{url}", which is not the address of a site.')
    ]


def test_e013_a_link_to_nowhere(settings: Any) -> None:
    assert said_of(settings, SITE_URL="", NEW_DEVICE_MAIL=True) == [
        ("tracking.E013", 'TRACKING["NEW_DEVICE_MAIL"] is on, but TRACKING["SITE_URL"] is not set.')
    ]


def test_e014_no_page_behind_the_link(settings: Any) -> None:
    settings.ROOT_URLCONF = "cortex.signon.urls"

    assert said_of(settings, NEW_DEVICE_MAIL=True) == [
        ("tracking.E014", 'TRACKING["NEW_DEVICE_MAIL"] is on, but the page behind its link has no address.')
    ]


def test_w006_alerts_without_links(settings: Any) -> None:
    assert said_of(settings, SITE_URL="", **WEBHOOK) == [
        ("tracking.W006", 'Alerts are sent, but TRACKING["SITE_URL"] is not set.')
    ]


def test_w007_a_mail_server_that_is_waited_for_forever(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = None

    assert said_of(settings, ALERT_MAIL=["security@example.com"]) == [
        ("tracking.W007", "Alerts are sent by mail, but EMAIL_TIMEOUT is not set.")
    ]


def test_w008_a_database_without_the_package(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TRACKING = {"GEO_DATABASE": "/srv/countries.mmdb"}
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "tracking.checks.find_spec", lambda name: None if name == "maxminddb" else find_spec(name)
    )

    messages = check_places()
    assert said(messages) == [
        (
            "tracking.W008",
            'TRACKING["GEO_DATABASE"] is "/srv/countries.mmdb", but the package "maxminddb" is not installed.',
        )
    ]
    assert "pip install" in str(messages[0].hint)


def test_w009_a_database_that_is_missing_or_broken(settings: Any, tmp_path: Path) -> None:
    missing, broken = tmp_path / "missing.mmdb", tmp_path / "broken.mmdb"
    broken.write_text("countries")
    settings.TRACKING = {"GEO_DATABASE": [missing, broken]}

    messages = check_places()
    assert [message.id for message in messages] == ["tracking.W009"] * 2
    for message, path in zip(messages, (missing, broken), strict=True):
        assert message.msg.startswith(f'TRACKING["GEO_DATABASE"]: cannot open "{path}": ')
        assert "without their country" in str(message.hint)
