"""Tests in a host site that alerts reach people, and that people can say "this was not me"."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.management import call_command

from tests.tracking.suite.conftest import CHROME, WEBKIT, Browser
from tracking.delivery.outbox import make_pass
from tracking.models import AlertDelivery, SecurityAlert

pytestmark = pytest.mark.django_db
SAFARI = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) {WEBKIT} Version/18.6 Safari/605.1.15"


@pytest.fixture
def _switched_on(settings: Any) -> None:
    settings.TRACKING = settings.TRACKING | {
        "SITE_URL": "https://www.example.com", "ALERT_MAIL": ["security@example.com"], "NEW_DEVICE_MAIL": True,
    }  # fmt: skip
    make_pass()


@pytest.mark.usefixtures("_switched_on")
def test_a_new_device_is_told_of_and_reported(user: Any) -> None:
    known, thief = Browser("sync", CHROME), Browser("sync", SAFARI)
    known.log_in()
    thief.log_in()
    assert thief.is_logged_in
    assert not AlertDelivery.objects.exists()

    call_command("send_alerts", verbosity=0)

    assert [sent.to for sent in mail.outbox] == [["ann@example.com"]]
    link = re.search(r"https://www\.example\.com(/devices/not-me/\S+)", str(mail.outbox[0].body))
    assert link
    page = Browser("sync").post(link[1])
    assert page.status_code == 200
    has_page_for_it = apps.is_installed("allauth")
    assert ("Choose a new password" in page.content.decode()) == has_page_for_it
    assert not thief.is_logged_in
    assert not known.is_logged_in
    assert SecurityAlert.objects.filter(kind="reported").count() == 1
    mail.outbox.clear()

    make_pass()

    assert [sent.to for sent in mail.outbox] == [["security@example.com"]]
    assert "says that a login from 127.0.0.1 was not theirs" in str(mail.outbox[0].body)
