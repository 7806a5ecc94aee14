"""Tests that second factors are told: those that were passed, and those that failed after a correct password."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.tracking.suite.conftest import PASSWORD, Browser, make_user
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(db: None) -> Any:
    return make_user(is_staff=True, is_superuser=True)


@pytest.fixture
def device(person: Any) -> TOTPDevice:
    return TOTPDevice.objects.create(user=person, name="default", confirmed=True)


@pytest.fixture
def backup(person: Any) -> StaticDevice:
    made = StaticDevice.objects.create(user=person, name="backup")
    for number in range(20):
        made.token_set.create(token=f"backup{number}")
    return made


def code_of(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key, device.step, device.t0, device.digits, device.drift):06}"


def wrong_code(device: TOTPDevice) -> str:
    return f"{(int(code_of(device)) + 1) % 1_000_000:06}"


def admin_login(browser: Browser, device: Any = None, token: str = "") -> Any:
    form = {"username": "ann@example.com", "password": PASSWORD, "otp_token": token}
    return browser.post("/otp-admin/login/", form | ({"otp_device": device.persistent_id} if device else {}))


def two_factor_login(browser: Browser, token: str) -> Any:
    name = "login_view-current_step"
    browser.post(
        "/account/login/", {name: "auth", "auth-username": "ann@example.com", "auth-password": PASSWORD}
    )
    return browser.post("/account/login/", {name: "token", "token-otp_token": token})


def events() -> list[tuple[Any, ...]]:
    columns = ("user__username", "success", "failure_reason", "login_method", "second_factor")
    return list(LoginEvent.objects.order_by("pk").values_list(*columns))


ANN = "ann@example.com"


def test_otps_admin_tells_a_login_with_a_code(device: TOTPDevice) -> None:
    answer = admin_login(Browser("sync"), device, code_of(device))

    assert answer.status_code == 302
    assert events() == [(ANN, True, "", "password", "totp")]
    assert not ActivityLog.objects.exists()


def test_otps_admin_tells_a_wrong_code_after_a_correct_password(device: TOTPDevice) -> None:
    answer = admin_login(Browser("sync"), device, wrong_code(device))

    assert answer.status_code == 200
    assert events() == [(ANN, False, "bad_code", "password", "totp")]


def test_asking_for_the_code_is_no_failure(device: TOTPDevice) -> None:
    browser = Browser("sync")
    admin_login(browser)
    admin_login(browser, token="123456")  # no device chosen yet

    assert events() == []


def test_a_code_that_is_not_looked_at_is_told_as_locked_out(device: TOTPDevice) -> None:
    browser = Browser("sync")
    for _ in range(2):
        admin_login(browser, device, wrong_code(device))

    assert [event[2] for event in events()] == ["bad_code", "locked_out"]


def test_guessed_codes_raise_an_alert(backup: StaticDevice, settings: Any) -> None:
    settings.OTP_STATIC_THROTTLE_FACTOR = 0
    browser = Browser("sync")
    for number in range(10):
        admin_login(browser, backup, f"guess{number}")

    assert SecurityAlert.objects.get().kind == "failure_burst"


def test_two_factor_tells_a_login_with_a_code(device: TOTPDevice) -> None:
    answer = two_factor_login(Browser("sync"), code_of(device))

    assert answer.status_code == 302
    assert events() == [(ANN, True, "", "password", "totp")]


def test_two_factor_tells_a_wrong_code_after_a_correct_password(device: TOTPDevice) -> None:
    answer = two_factor_login(Browser("sync"), wrong_code(device))

    assert answer.status_code == 200
    assert events() == [(ANN, False, "bad_code", "password", "totp")]


def test_two_factor_without_a_device_is_a_login_without_a_second_factor(person: Any) -> None:
    name = "login_view-current_step"
    form = {name: "auth", "auth-username": ANN, "auth-password": PASSWORD}

    assert Browser("sync").post("/account/login/", form).status_code == 302

    assert events() == [(ANN, True, "", "password", "")]


def test_django_otps_own_view_logs_in_once_more_with_the_second_factor(
    person: Any, backup: StaticDevice
) -> None:
    browser = Browser("sync")
    browser.log_in()
    form = {"otp_device": backup.persistent_id, "otp_token": "backup1"}

    assert browser.post("/step-up/", form).status_code == 302

    assert events() == [(ANN, True, "", "password", ""), (ANN, True, "", "password", "recovery_codes")]
    assert UserSession.objects.count() == 1


def test_a_second_factor_later_in_the_session_is_an_activity(person: Any, backup: StaticDevice) -> None:
    browser = Browser("sync")
    browser.log_in()

    browser.post("/verify/", {"token": "backup1"})

    assert events() == [(ANN, True, "", "password", "")]
    passed = ActivityLog.objects.get()
    assert (passed.action, passed.user_id) == ("second_factor.passed", person.pk)
    assert passed.metadata == {"kind": "recovery_codes"}

    browser.post("/verify/", {"token": "backup2"})
    assert ActivityLog.objects.count() == 1


def test_a_second_login_with_the_same_device_in_the_same_session_tells_it_again(backup: StaticDevice) -> None:
    browser = Browser("sync")
    for number in range(2):
        admin_login(browser, backup, f"backup{number}")

    assert [event[4] for event in events()] == ["recovery_codes", "recovery_codes"]
    assert not ActivityLog.objects.exists()


def test_a_session_from_before_an_upgrade_tells_no_old_second_factor(
    person: Any, backup: StaticDevice
) -> None:
    browser = Browser("sync")
    admin_login(browser, backup, "backup1")
    session = browser.client.session
    del session["_tracking_second_factor"]
    session.save()

    browser.post("/verify/", {"token": "backup2"})

    assert not ActivityLog.objects.exists()


def test_a_second_factor_in_an_async_view_is_told(person: Any, backup: StaticDevice) -> None:
    browser = Browser("async")
    browser.log_in()
    browser.get("/who/")

    browser.client.headers = browser.headers
    async_to_sync(browser.client.post)("/async-verify/", {"token": "backup1"})

    assert ActivityLog.objects.get().action == "second_factor.passed"
