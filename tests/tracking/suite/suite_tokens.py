"""Tests logins for tokens of knox, which have no session."""

import base64
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.tracking.suite.conftest import PASSWORD, Browser
from tracking.models import LoginEvent, UserSession

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not apps.is_installed("knox"), reason="this host has no API"),
]
BASIC = "Basic " + base64.b64encode(f"ann@example.com:{PASSWORD}".encode()).decode()


def test_a_token_makes_no_session_and_no_cookie(user: Any) -> None:
    answer = Client().post("/api/login/", headers={"authorization": BASIC})

    assert answer.status_code == 200
    assert answer.json()["token"]
    assert not answer.cookies
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert not Session.objects.exists()
    assert not UserSession.objects.exists()
    event = LoginEvent.objects.get()
    assert (event.success, event.user_id, event.session_id) == (True, user.pk, None)


def test_a_token_costs_one_statement_more_than_without_us(user: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        Client().post("/api/login/", headers={"authorization": BASIC})

    ours = [query["sql"] for query in queries if "login_events" in query["sql"] or "session" in query["sql"]]
    assert len(ours) == 1, ours


def test_a_token_that_is_given_back_leaves_the_session_of_the_browser(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()
    token = Client().post("/api/login/", headers={"authorization": BASIC}).json()["token"]

    answer = browser.client.post("/api/logout/", headers={"authorization": f"Token {token}"})

    assert answer.status_code == 204
    assert browser.is_logged_in
    assert UserSession.objects.get().is_open


def test_a_token_for_who_is_logged_in_begins_no_second_session(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()

    answer = browser.client.post("/api/login/")

    assert answer.status_code == 200
    assert not answer.cookies
    assert UserSession.objects.count() == 1
    assert [event.session_id is not None for event in LoginEvent.objects.order_by("pk")] == [True, True]


@pytest.mark.parametrize("has_row", [True, False])
def test_a_session_that_was_only_read_is_left_as_it_is(user: Any, has_row: bool) -> None:
    """Includes a session from before tracking was installed, which has no row."""
    client = Client()
    client.force_login(user)
    if not has_row:
        session = client.session
        del session["_tracking_session"]
        session.save()
        UserSession.objects.all().delete()
    before = dict(client.session)

    answer = client.post("/api/login/")

    assert answer.status_code == 200
    assert not answer.cookies
    assert dict(client.session) == before
    assert UserSession.objects.count() == has_row
