"""Tests rollbacks of the site: failures stay, successes and activities are rolled back too."""

from typing import Any

import pytest
from django.db import connection, transaction

from tests.tracking.suite.conftest import PASSWORD, Browser
from tracking import log_activity
from tracking.models import ActivityLog, LoginEvent, UserSession

pytestmark = pytest.mark.django_db(transaction=True)


def is_atomic() -> bool:
    return bool(connection.settings_dict.get("ATOMIC_REQUESTS"))


def test_a_failure_outlives_a_rollback(user: Any) -> None:
    browser = Browser("sync")

    answer = browser.post("/refusal-and-failure/", {"username": "ann@example.com"})

    assert answer.status_code == 500
    assert LoginEvent.objects.get().failure_reason == "bad_password"


def test_a_login_that_was_rolled_back_leaves_nothing(user: Any) -> None:
    browser = Browser("sync")

    answer = browser.post("/failing-login/", {"username": "ann@example.com", "password": PASSWORD})

    assert answer.status_code == 500
    assert not LoginEvent.objects.filter(success=True).exists()
    assert LoginEvent.objects.filter(failure_reason="error").count() == (0 if is_atomic() else 1)
    assert not UserSession.objects.exists()


def test_a_deed_that_was_rolled_back_has_not_happened(user: Any) -> None:
    browser = Browser("sync")

    browser.get("/failing-deed/")

    assert ActivityLog.objects.count() == (0 if is_atomic() else 1)


def test_a_command_writes_at_once_within_its_own_transaction(user: Any) -> None:
    with transaction.atomic():
        log_activity("thing.done", user=user)
        assert ActivityLog.objects.count() == 1

    assert ActivityLog.objects.get().user == user
