"""Tests the mails: one about many alerts, and one to a person about each new device."""

import datetime as dt
import re
import smtplib
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.tracking.delivery.conftest import DEVICE, alert, is_due_now, new_device, person, states
from tracking import log_login
from tracking.delivery.outbox import make_pass
from tracking.models import AlertDelivery, LoginEvent, SecurityAlert

pytestmark = pytest.mark.django_db(transaction=True)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class FailingBackend(EmailBackend):
    error: Exception = OSError("secret")

    def send_messages(self, messages: Any) -> int:
        raise self.error


def fails_with(settings: Any, error: Exception) -> None:
    FailingBackend.error = error
    settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"


@pytest.mark.usefixtures("mail_on")
def test_many_alerts_are_one_mail_that_says_how_many_more_there_are() -> None:
    for _ in range(24):
        alert()
    alert("success_after_burst", identifier="anna", evidence={"account_failures": 12, "window_minutes": 15})

    assert make_pass() == {("mail", "sent"): 25}

    sent = mail.outbox[0]
    assert (len(mail.outbox), sent.to) == (1, ["security@example.com"])
    assert sent.subject == "25 security alerts: High: Login after a burst: anna"
    assert "anna signed in from 203.0.113.7 after 12 failed logins within 15 minutes." in sent.body
    assert sent.body.count("https://cortex.example.com/admin/analytics/alerts/") == 20
    assert "There are 5 more alerts." in sent.body
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    assert "There are 5 more alerts." in sent.alternatives[0][0]


@pytest.mark.usefixtures("mail_on")
def test_alerts_right_after_a_mail_wait_for_the_next_one() -> None:
    alert()
    make_pass()
    alert()
    assert make_pass() == {}

    AlertDelivery.objects.filter(state="sent").update(sent_at=timezone.now() - dt.timedelta(minutes=2))
    assert make_pass() == {("mail", "sent"): 1}


@pytest.mark.usefixtures("mail_on")
def test_a_name_adds_no_header_and_no_markup() -> None:
    name = "eve\r\nBcc: all@example.com\u2028\u202e<b>https://evil.example/</b>"
    alert("failure_burst", identifier=name)

    make_pass()

    sent = mail.outbox[0]
    text = sent.message().as_string()
    assert "\nBcc:" not in text
    assert sent.recipients() == ["security@example.com"]
    assert "https://evil" not in sent.body
    assert "<b>https" not in sent.alternatives[0][0]
    assert not re.search("[\u2028\u202e]", sent.subject + sent.body)


@pytest.mark.usefixtures("mail_on")
def test_a_mail_server_that_is_away_is_tried_again(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    backend = settings.EMAIL_BACKEND
    fails_with(settings, OSError("smtp://user:secret@mail"))
    alert()
    assert make_pass() == {("mail", "pending"): 1}
    assert AlertDelivery.objects.get().last_error == "the mail could not be sent (OSError)"

    settings.EMAIL_BACKEND = backend
    is_due_now()

    assert make_pass() == {("mail", "sent"): 1}
    assert "secret" not in caplog.text


@pytest.mark.usefixtures("person_on")
def test_a_person_is_told_of_a_new_device_with_a_link() -> None:
    new_device(person("anna@example.com"))

    assert make_pass() == {("person", "sent"): 1}

    sent = mail.outbox[0]
    assert sent.to == ["anna@example.com"]
    assert sent.subject == "A new device has signed in to your account"
    assert "From: 203.0.113.7\nDevice: Firefox, Linux, desktop\n" in sent.body
    assert re.search(r"When: \d\d \w{3} \d{4}, \d\d:\d\d:\d\d UTC\n", sent.body)
    assert re.search(r"\nhttps://cortex\.example\.com/devices/not-me/\S+/\n", sent.body)


@pytest.mark.usefixtures("person_on")
def test_a_person_is_told_once_of_a_device() -> None:
    user = person()
    for _ in range(3):
        new_device(user)
    make_pass()
    new_device(user)
    make_pass()
    assert len(mail.outbox) == 1

    alert("new_device", user_id=user.pk, evidence=DEVICE | {"browser": "Chrome"})
    new_device(person("bob@example.com"))
    make_pass()
    assert [sent.to for sent in mail.outbox[1:]] == [["ann@example.com"], ["bob@example.com"]]

    long_ago = timezone.now() - dt.timedelta(days=91)
    SecurityAlert.objects.filter(user=user.pk).update(timestamp=long_ago)
    new_device(user)
    make_pass()
    assert len(mail.outbox) == 4


@pytest.mark.usefixtures("person_on")
def test_nobody_is_told_without_an_address_or_of_a_closed_account() -> None:
    user = person()
    new_device(user)
    new_device(person("gone@example.com", is_active=False))
    type(user).objects.filter(pk=user.pk).update(email="")

    assert make_pass() == {("person", "skipped"): 2}

    assert mail.outbox == []


@pytest.mark.usefixtures("person_on")
def test_an_address_that_the_mail_server_refuses_for_good_is_given_up(settings: Any) -> None:
    new_device(person())
    fails_with(settings, smtplib.SMTPRecipientsRefused({"ann@example.com": (550, b"no such user")}))

    make_pass()

    assert states() == [("person", "failed", 1)]
    assert AlertDelivery.objects.get().last_error == "the mail server refused the address"


@pytest.mark.usefixtures("person_on")
def test_a_device_name_is_no_link() -> None:
    evidence = DEVICE | {"browser": "Sign in at https://evil.example.com\nnow"}
    alert("new_device", user_id=person().pk, evidence=evidence)

    make_pass()

    assert "evil.example" not in mail.outbox[0].body
    assert "https://evil" not in mail.outbox[0].body


def test_a_login_costs_no_query_more_and_sends_nothing(configured: Any) -> None:
    user = person()
    log_login(user)
    LoginEvent.objects.update(browser="Chrome", os="Windows")

    def queries_of_a_login() -> int:
        SecurityAlert.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            Client(headers={"user-agent": FIREFOX}).post(
                "/accounts/login/", {"login": user.email, "password": "correct horse"}
            )
        assert SecurityAlert.objects.filter(kind="new_device").count() == 1
        LoginEvent.objects.filter(browser="Firefox").delete()
        return len(queries)

    queries_of_a_login()  # what a process reads once
    without = queries_of_a_login()
    configured(
        ALERT_MAIL=["security@example.com"], NEW_DEVICE_MAIL=True, ALERT_MIN_SEVERITY="low",
        ALERT_WEBHOOK_URL="https://hook.example.com/",
    )  # fmt: skip

    assert queries_of_a_login() == without
    assert not AlertDelivery.objects.exists()
    assert mail.outbox == []
