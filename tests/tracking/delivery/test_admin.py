"""Tests that the admin shows at an alert what was sent, and sends it again."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from tests.tracking.delivery.conftest import alert, new_device, person, states
from tests.tracking.delivery.receiver import Receiver, answers
from tracking.delivery.outbox import make_pass
from tracking.models import AlertDelivery

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/tracking/securityalert/"


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root@example.com", "x"))
    return client


def test_an_alert_shows_what_became_of_it(admin: Client, webhook_on: Receiver) -> None:
    webhook_on.habit = answers("410 Gone")
    raised = alert()
    make_pass()

    page = admin.get(f"{LIST}{raised.pk}/change/").content.decode()

    assert "Webhook · Failed · 1 attempt · the receiver answered with status 410" in page


def test_failed_messages_are_sent_again(admin: Client, webhook_on: Receiver) -> None:
    webhook_on.habit = answers("410 Gone")
    raised = alert()
    make_pass()
    webhook_on.habit = answers("200 OK")

    answer = admin.post(LIST, {"action": "send_again", "_selected_action": [raised.pk]}, follow=True)

    assert "1 message is sent again within a minute." in answer.content.decode()
    assert make_pass() == {("webhook", "sent"): 1}
    assert states() == [("webhook", "sent", 1)]
    ids = [headers["webhook-id"] for _, headers, _ in webhook_on.requests]
    assert ids[0] == ids[1]


@pytest.mark.usefixtures("person_on")
def test_a_person_is_not_told_again(admin: Client) -> None:
    raised = new_device(person())
    make_pass()

    admin.post(LIST, {"action": "send_again", "_selected_action": [raised.pk]})

    assert AlertDelivery.objects.get().state == "sent"


def test_who_may_only_look_sends_nothing(webhook_on: Receiver) -> None:
    viewer: Any = person("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_securityalert"))
    client = Client()
    client.force_login(viewer)
    raised = alert()
    make_pass()

    assert "send_again" not in client.get(LIST).content.decode()
    client.post(LIST, {"action": "send_again", "_selected_action": [raised.pk]})

    assert AlertDelivery.objects.get().state == "sent"
