"""Tests that each alert is sent once, signed, retried with the same id, and by one sender only."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import logging
import threading
from typing import Any

import pytest
from django.db import connection as database_connection
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from tests.tracking.delivery import receiver as habits
from tests.tracking.delivery.conftest import SECRET, alert, is_due_now, person, states
from tests.tracking.delivery.receiver import Receiver, answers
from tracking.delivery import outbox, webhook
from tracking.delivery.messages import link_to
from tracking.delivery.outbox import make_pass
from tracking.models import AlertDelivery, LoginEvent, SecurityAlert

pytestmark = pytest.mark.django_db(transaction=True)


def verified(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """The six lines of docs/tracking.md."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, s) for s in headers["webhook-signature"].split())


def test_an_alert_arrives_once_signed_and_says_what_happened(webhook_on: Receiver) -> None:
    user = person("anna@example.com")
    raised = alert(
        "failure_burst", user_id=user.pk, identifier="anna@example.com",
        evidence={"account_failures": 9, "window_minutes": 15},
    )  # fmt: skip

    assert make_pass() == {("webhook", "sent"): 1}
    assert make_pass() == {}

    _, headers, body = webhook_on.requests[0]
    assert len(webhook_on.requests) == 1
    assert verified(headers, body, SECRET)
    assert not verified(headers, body + b" ", SECRET)
    said = json.loads(body)
    assert (said["type"], said["data"]["kind"], said["data"]["severity"]) == (
        "security_alert.raised", "failure_burst", "medium",
    )  # fmt: skip
    assert said["data"]["text"] == (
        "10 failed logins for anna@example.com within 15 minutes, the last one from 203.0.113.7; none got in."
    )
    assert said["data"]["url"] == f"https://cortex.example.com/admin/analytics/alerts/{raised.pk}/"
    assert said["data"]["user"] == {"id": str(user.pk), "name": "anna@example.com"}


@override_settings(
    ROOT_URLCONF="tests.tracking.hosts.urls", TRACKING={"SITE_URL": "https://cortex.example.com"}
)
def test_a_link_leads_to_the_admin_where_analytics_is_not_mounted() -> None:
    alert = SecurityAlert(pk=7, kind="spraying")

    assert link_to(alert) == "https://cortex.example.com/admin/tracking/securityalert/7/change/"


def test_whether_somebody_got_in_is_counted(webhook_on: Receiver) -> None:
    LoginEvent.objects.create(success=True, ip_address="203.0.113.9")
    alert("spraying", evidence={"network_accounts": 19, "window_minutes": 15})

    make_pass()

    assert json.loads(webhook_on.requests[0][2])["data"]["text"] == (
        "Failed logins for 20 accounts within 15 minutes from the network of 203.0.113.7; 1 login succeeded."
    )


def test_a_secret_is_rotated_with_both_in_place(webhook_on: Receiver, settings: Any) -> None:
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    settings.TRACKING = settings.TRACKING | {"ALERT_WEBHOOK_SECRET": f"{new} {SECRET}"}
    alert()

    make_pass()

    _, headers, body = webhook_on.requests[0]
    assert verified(headers, body, new)
    assert verified(headers, body, SECRET)


def test_nothing_from_before_it_was_switched_on_is_sent(configured: Any, receiver: Receiver) -> None:
    options = {
        "ALERT_WEBHOOK_URL": receiver.url, "ALERT_WEBHOOK_SECRET": SECRET, "ALERT_WEBHOOK_PRIVATE_HOSTS": ["localhost"],
    }  # fmt: skip
    alert()
    configured(**options)
    assert states() == []

    alert()
    configured(ALERT_WEBHOOK_URL="")
    alert()
    configured(**options)

    assert receiver.requests == []
    alert()
    make_pass()
    assert len(receiver.requests) == 1


def test_what_is_not_severe_or_too_old_is_not_sent(webhook_on: Receiver, settings: Any) -> None:
    user = person()
    alert("new_device", user_id=user.pk)
    alert(timestamp=timezone.now() - dt.timedelta(days=8))
    make_pass()
    assert states() == []

    settings.TRACKING = settings.TRACKING | {"ALERT_MIN_SEVERITY": "high"}
    alert("spraying")
    entered = alert("success_after_burst", identifier="x")
    make_pass()

    assert [json.loads(body)["data"]["id"] for _, _, body in webhook_on.requests] == [entered.pk]


def test_a_receiver_that_is_down_and_comes_back_gets_all_with_the_ids_of_the_first_attempt(
    webhook_on: Receiver,
) -> None:
    webhook_on.habit = answers("503 Service Unavailable")
    for _ in range(5):
        alert()

    assert make_pass() == {("webhook", "pending"): outbox.MOST_FAILURES}
    assert make_pass() == {("webhook", "pending"): 2}  # the others have their pause
    assert set(AlertDelivery.objects.values_list("last_error", flat=True)) == {
        "the receiver answered with status 503"
    }
    tried = [headers["webhook-id"] for _, headers, _ in webhook_on.requests]

    webhook_on.habit = habits.NO_CONTENT
    is_due_now()
    assert make_pass() == {("webhook", "sent"): 5}

    assert sorted(tried) == sorted(headers["webhook-id"] for _, headers, _ in webhook_on.requests[5:])
    assert set(AlertDelivery.objects.values_list("state", "last_error")) == {("sent", "")}


def test_one_refused_message_does_not_hold_up_the_others(webhook_on: Receiver) -> None:
    webhook_on.habit = answers("400 Bad Request")
    for _ in range(5):
        alert()

    assert make_pass() == {("webhook", "pending"): 5}


def test_a_redirect_is_a_failure_and_not_followed(webhook_on: Receiver) -> None:
    webhook_on.habit = answers("302 Found", "Location: http://169.254.169.254/\x1b[31m")
    alert()

    make_pass()

    assert len(webhook_on.requests) == 1
    assert AlertDelivery.objects.get().last_error == (
        "the receiver redirects (status 302), which is not followed"
    )


def test_who_says_gone_is_not_asked_again(webhook_on: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    webhook_on.habit = answers("410 Gone")
    raised = alert()

    assert make_pass() == {("webhook", "failed"): 1}
    is_due_now()
    make_pass()

    assert len(webhook_on.requests) == 1
    assert caplog.messages == [
        f"Alert {raised.pk} was not sent (Webhook): the receiver answered with status 410"
    ]


def test_after_a_day_of_attempts_it_is_given_up(webhook_on: Receiver) -> None:
    webhook_on.habit = answers("500 Oops")
    alert()
    make_pass()

    for _ in range(outbox.MOST_ATTEMPTS):
        is_due_now()
        make_pass()

    assert states() == [("webhook", "failed", outbox.MOST_ATTEMPTS)]
    assert len(webhook_on.requests) == outbox.MOST_ATTEMPTS
    pauses = sum(outbox.backoff_seconds(n) for n in range(1, outbox.MOST_ATTEMPTS))
    assert 18 * 3600 < pauses < 32 * 3600


def test_a_crash_after_sending_repeats_one_message_with_its_id(
    webhook_on: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        alert()

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_settle", killed)
        with pytest.raises(Killed):
            make_pass()
    assert make_pass() == {("webhook", "sent"): 2}  # the first one is on lease
    is_due_now()
    assert make_pass() == {("webhook", "sent"): 1}

    ids = [headers["webhook-id"] for _, headers, _ in webhook_on.requests]
    assert len(ids) == 4
    assert len(set(ids)) == 3
    assert ids[0] == ids[3]


def test_two_senders_send_each_alert_once(webhook_on: Receiver) -> None:
    for _ in range(40):
        alert()
    start = threading.Barrier(3)
    errors: list[BaseException] = []

    def send() -> None:
        try:
            start.wait(timeout=10)
            make_pass()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    ids = [headers["webhook-id"] for _, headers, _ in webhook_on.requests]
    assert len(ids) == len(set(ids)) == 40
    assert {state for _, state, _ in states()} == {"sent"}


def test_nothing_is_sent_within_a_transaction(webhook_on: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[bool] = []
    send = webhook.connection.post
    monkeypatch.setattr(
        webhook.connection, "post",
        lambda *args, **more: (inside.append(database_connection.in_atomic_block), send(*args, **more))[1],
    )  # fmt: skip
    alert()

    make_pass()

    assert inside == [False]


def test_an_alert_that_is_gone_is_not_sent(webhook_on: Receiver) -> None:
    webhook_on.habit = answers("500 Oops")
    alert()
    make_pass()
    SecurityAlert.objects.all()._raw_delete("default")  # as retention does

    is_due_now()
    assert make_pass() == {}


def test_no_secret_of_the_receiver_or_ours_is_logged(
    webhook_on: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    webhook_on.habit = habits.speaks_no_http
    alert()

    make_pass()

    assert AlertDelivery.objects.get().last_error == "the connection failed (BadStatusLine)"
    assert "\x1b" not in caplog.text
    assert SECRET not in caplog.text
