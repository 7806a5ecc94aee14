"""Tests that retention, erasure and export know what was sent."""

import datetime as dt

import pytest
from django.core.management import call_command
from django.utils import timezone

from tests.tracking.delivery.conftest import new_device, person
from tracking.delivery.outbox import make_pass
from tracking.models import AlertDelivery, SecurityAlert
from tracking.privacy.personal_data import erase_user, export_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("person_on")]


def test_what_was_sent_is_pruned_with_its_alert() -> None:
    new_device(person())
    make_pass()
    long_ago = timezone.now() - dt.timedelta(days=500)
    SecurityAlert.objects.update(timestamp=long_ago)
    AlertDelivery.objects.update(created_at=long_ago)
    new_device(person("bob@example.com"))
    make_pass()

    call_command("prune_events", verbosity=0)

    assert SecurityAlert.objects.count() == 1
    assert AlertDelivery.objects.count() == 1


def test_erasure_deletes_what_was_sent_about_the_person_only() -> None:
    ann = person()
    new_device(ann)
    new_device(person("bob@example.com"))
    make_pass()

    erased = erase_user(ann)["erased"]

    assert "1 of kind delivery" in erased
    assert [row.alert.identifier for row in AlertDelivery.objects.all()] == ["bob@example.com"]


def test_the_export_tells_what_was_sent_to_the_person() -> None:
    ann = person()
    new_device(ann)
    new_device(person("bob@example.com"))
    make_pass()

    rows = [row for row in export_of(ann) if row["kind"] == "delivery"]

    assert [(row["channel"], row["state"]) for row in rows] == [("person", "sent")]
    assert "uuid" not in rows[0]
