"""Tests that every login and failure of a host site is one row, with method, reason and device."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.db import connection, transaction
from django.test import RequestFactory

from tests.tracking.suite.conftest import PASSWORD, Browser, disconnect_tracking, make_user, queries_of
from tests.tracking.suite.trouble import table_missing
from tracking import log_activity, log_login
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession
from tracking.storage import spool
from tracking.storage.write import database_pause, replay_spool

pytestmark = pytest.mark.django_db


def test_a_login_is_recorded_with_its_device_and_session(browser: Browser, user: Any) -> None:
    answer = browser.log_in()

    assert answer.status_code == 302
    event = LoginEvent.objects.get()
    session = UserSession.objects.get()
    assert (event.user, event.success, event.failure_reason) == (user, True, "")
    assert event.login_method in ("email", "password")
    assert event.identifier == "ann@example.com"
    assert (event.device_type, event.browser, event.os) == ("desktop", "Chrome", "Windows")
    assert event.ip_address == "127.0.0.1"
    assert event.session == session
    assert session.is_open
    assert session.user == user


def test_a_wrong_password_is_recorded_with_its_user(browser: Browser, user: Any) -> None:
    browser.log_in(password="wrong")

    event = LoginEvent.objects.get()
    assert (event.user, event.success, event.failure_reason) == (user, False, "bad_password")
    assert not UserSession.objects.exists()


def test_an_unknown_name_is_kept_as_a_keyed_hash_only(browser: Browser, user: Any) -> None:
    browser.log_in(name="My-Secret-Passw0rd")

    event = LoginEvent.objects.get()
    assert (event.user, event.failure_reason) == (None, "unknown_user")
    assert event.identifier.startswith("hmac:")
    assert "secret" not in event.identifier.lower()


def test_who_was_deactivated_is_refused_for_that(browser: Browser, user: Any) -> None:
    user.is_active = False
    user.save()

    browser.log_in()

    assert LoginEvent.objects.get().failure_reason == "inactive"


def test_a_right_password_that_the_admin_refuses_is_recorded(user: Any) -> None:
    browser = Browser("sync")

    answer = browser.post("/admin/login/", {"username": "ann@example.com", "password": PASSWORD})

    assert answer.status_code == 200
    event = LoginEvent.objects.get()
    assert (event.user, event.success, event.failure_reason) == (user, False, "not_staff")


def test_a_failure_without_a_request_is_recorded(user: Any) -> None:
    authenticate(username="ann@example.com", password="wrong")

    event = LoginEvent.objects.get()
    assert (event.user, event.ip_address, event.device_type) == (user, None, "other")


def test_the_test_clients_own_login_is_recorded(user: Any) -> None:
    browser = Browser("sync")

    browser.client.force_login(user)

    assert LoginEvent.objects.get().success
    assert UserSession.objects.get().is_open


def test_a_login_that_was_told_of_by_hand_is_recorded(browser: Browser, user: Any) -> None:
    browser.get("/token-login/")

    event = LoginEvent.objects.get()
    assert (event.login_method, event.failure_reason) == ("api_token", "expired_token")
    assert event.identifier.startswith("hmac:")


def test_an_activity_has_its_user_and_its_entity(browser: Browser, user: Any) -> None:
    browser.log_in()

    browser.get("/deed/")

    activity = ActivityLog.objects.get()
    assert activity.user == user
    assert activity.entity_type == "things.thing"
    assert activity.entity_id in ("7", "8")


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_an_attempt_costs_two_queries_at_most(
    browser: Browser, user: Any, settings: Any, password: str
) -> None:
    tracked = queries_of(lambda: browser.log_in(password=password))

    disconnect_tracking(settings)
    untracked = queries_of(lambda: Browser(browser.kind).log_in(password=password))

    assert 1 <= tracked - untracked <= 2


def test_an_ordinary_request_costs_no_query(browser: Browser, user: Any) -> None:
    browser.log_in()

    assert queries_of(lambda: browser.get("/page/")) == transaction_queries(browser)


def transaction_queries(browser: Browser) -> int:
    """The queries of ATOMIC_REQUESTS itself, which Django supports only in sync views."""
    return 2 if connection.settings_dict.get("ATOMIC_REQUESTS") and not browser.is_async else 0


def test_an_ordinary_answer_does_not_vary_by_cookie(browser: Browser, user: Any) -> None:
    browser.log_in()

    assert "Cookie" not in browser.get("/page/").headers.get("Vary", "")


def test_many_failures_raise_one_alert_and_a_login_after_them_another(browser: Browser, user: Any) -> None:
    for _ in range(12):
        browser.log_in(password="wrong")
    assert [alert.kind for alert in SecurityAlert.objects.all()] == ["failure_burst"]
    assert SecurityAlert.objects.get().evidence["account_failures"] >= 9

    browser.log_in()

    assert sorted(alert.kind for alert in SecurityAlert.objects.all()) == [
        "failure_burst",
        "success_after_burst",
    ]


def test_many_names_from_one_network_are_spraying(browser: Browser, user: Any) -> None:
    for number in range(25):
        browser.log_in(name=f"somebody-{number}")

    assert {alert.kind for alert in SecurityAlert.objects.all()} == {"spraying"}


def test_a_new_device_is_told_of_but_not_the_first(user: Any) -> None:
    Browser("sync").log_in()
    Browser("sync").log_in()
    assert not SecurityAlert.objects.exists()

    Browser(
        "sync", user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    ).log_in()

    assert [alert.kind for alert in SecurityAlert.objects.all()] == ["new_device"]


@pytest.mark.parametrize("identifier", ["\ud800x", "a\0b", 5, b"bytes"])
def test_a_name_that_no_database_takes_leaves_the_sites_transaction_sound(user: Any, identifier: Any) -> None:
    with transaction.atomic():
        log_login(success=False, identifier=identifier)
        assert get_user_model().objects.count() == 1

    assert LoginEvent.objects.get().identifier.startswith("hmac:")


def test_a_nul_in_a_user_agent_leaves_the_sites_transaction_sound(user: Any) -> None:
    request = RequestFactory(HTTP_USER_AGENT="My\0App/1.0 CFNetwork/1 Darwin/1").get("/")

    with transaction.atomic():
        log_login(user, request=request)
        assert get_user_model().objects.count() == 1

    assert LoginEvent.objects.get().browser


def test_a_proxy_of_the_user_is_the_user(user: Any) -> None:
    Browser("sync").log_in()
    model: Any = get_user_model()
    proxy = type(
        "Proxied",
        (model,),
        {"__module__": __name__, "Meta": type("Meta", (), {"proxy": True, "app_label": "x"})},
    )

    same = proxy.objects.get(pk=user.pk)
    same.is_active = False
    same.save()

    assert UserSession.objects.get().end_reason == "deactivated"


def test_a_logout_counts_although_its_login_still_waits(user: Any) -> None:
    browser = Browser("sync")
    with table_missing("user_sessions"):
        browser.log_in()
    database_pause.here.until = 0.0
    database_pause.here.replay_at = float("inf")

    browser.post("/logout/")
    replay_spool()

    assert UserSession.objects.get().end_reason == "logout"
    assert spool.is_empty()


def test_the_user_is_found_whoever_put_them_on_the_request(user: Any) -> None:
    """Set the user as Django REST framework does: on its own request and on the wrapped one."""
    request = RequestFactory().get("/")
    request.user = user

    class Wrapper:
        _request = request

    log_activity("thing.done", request=Wrapper())  # type: ignore[arg-type]

    assert ActivityLog.objects.get().user == user


def test_what_was_typed_is_in_no_log(user: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with table_missing("login_events"):
        Browser("sync").log_in(name="hunter2-secret", password="hunter3-secret")

    text = caplog.text + "".join(path.read_text() for path in spool.folder().iterdir())
    assert "secret" not in text


def test_of_two_logins_in_one_request_only_the_last_has_a_session(user: Any) -> None:
    make_user("bob@example.com")
    browser = Browser("sync")

    browser.post("/two-logins/", {"first": "ann@example.com", "second": "bob@example.com"})

    assert browser.get("/who/").content == b"bob@example.com"
    session = UserSession.objects.get()
    assert session.user.get_username() == "bob@example.com"
    rows = LoginEvent.objects.order_by("pk").values_list("identifier", "session")
    assert list(rows) == [("ann@example.com", None), ("bob@example.com", session.pk)]


def test_a_second_login_that_was_rolled_back_leaves_the_first(user: Any) -> None:
    browser = Browser("sync")

    browser.post("/login-and-rollback/", {"name": "ann@example.com"})

    assert LoginEvent.objects.get().success


def test_anothers_address_attracts_no_failures(db: None) -> None:
    """Anybody may enter an address that is another person's name, before it is confirmed."""
    if get_user_model().USERNAME_FIELD == "email":
        pytest.skip("names are addresses here")
    mallory = make_user("mallory")
    mallory.email = "ann@example.com"
    mallory.save()
    ann = make_user("ann@example.com")

    Browser("sync").log_in(password="wrong")
    assert LoginEvent.objects.get().user == ann

    ann.delete()
    make_user("eve")
    get_user_model().objects.filter(username="eve").update(email="ann@example.com")
    Browser("sync").log_in(password="wrong")
    assert LoginEvent.objects.latest("pk").user is None
