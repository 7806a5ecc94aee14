"""Tests that each attack raises one alert, for the right account, without waiting for locks."""

import time
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import RequestFactory

from tests.tracking.suite.conftest import make_user, queries_of
from tests.tracking.suite.trouble import lock_held, table_missing
from tracking import log_login
from tracking.models import LoginEvent, SecurityAlert

pytestmark = pytest.mark.django_db(transaction=True)


def test_alerts_wait_for_no_lock_and_break_no_transaction(user: Any) -> None:
    for _ in range(9):
        log_login(success=False, identifier="ann@example.com")

    with (
        lock_held("security_alerts")
        if connection.vendor == "postgresql"
        else table_missing("security_alerts")
    ):
        began = time.monotonic()
        with transaction.atomic():
            log_login(success=False, identifier="ann@example.com")
            assert get_user_model().objects.count() == 1
        assert time.monotonic() - began < 1

    assert LoginEvent.objects.count() == 10


def test_a_failure_in_a_burst_costs_no_more_than_another(user: Any) -> None:
    for _ in range(12):
        log_login(success=False, identifier="ann@example.com")

    assert queries_of(lambda: log_login(success=False, identifier="ann@example.com")) <= 2


def test_failures_without_a_name_are_no_burst_of_one_account(user: Any) -> None:
    for _ in range(15):
        log_login(success=False)

    assert not SecurityAlert.objects.exists()


def test_a_network_that_sprays_is_told_of_once(user: Any) -> None:
    for number in range(40):
        request = RequestFactory(
            REMOTE_ADDR=f"203.0.113.{number if connection.vendor == 'postgresql' else 1}"
        ).get("/")
        log_login(success=False, identifier=f"name-{number % 19}", request=request)
    assert not SecurityAlert.objects.filter(kind="spraying").exists()

    for number in range(40):
        request = RequestFactory(
            REMOTE_ADDR=f"203.0.113.{number if connection.vendor == 'postgresql' else 1}"
        ).get("/")
        log_login(success=False, identifier=f"name-{number}", request=request)
    assert SecurityAlert.objects.filter(kind="spraying").count() == 1


def test_a_login_after_a_burst_is_told_of_once(user: Any) -> None:
    for _ in range(12):
        log_login(success=False, identifier="ann@example.com")

    for _ in range(3):
        log_login(user)

    assert SecurityAlert.objects.filter(kind="success_after_burst").count() == 1


def test_accounts_with_a_long_name_in_common_are_told_apart(user: Any) -> None:
    for name in ("x" * 60 + "1@example.com", "x" * 60 + "2@example.com"):
        make_user(name)
        for _ in range(11):
            log_login(success=False, identifier=name)

    assert SecurityAlert.objects.filter(kind="failure_burst").count() == 2
