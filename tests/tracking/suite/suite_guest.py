"""Tests that tracking is a good guest: the host site behaves as without it."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.db.models.signals import post_delete, pre_delete
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.tracking.suite.conftest import Browser, make_user
from tracking.models import ActivityLog, UserSession
from tracking.sessions.memory import memory

pytestmark = pytest.mark.django_db


def test_other_models_are_deleted_without_being_fetched(db: None) -> None:
    now = timezone.now()
    Session.objects.bulk_create(
        Session(session_key=f"{n:032}", session_data="", expire_date=now) for n in range(500)
    )

    with CaptureQueriesContext(connection) as queries:
        Session.objects.all().delete()

    assert [query["sql"].split()[0] for query in queries] == ["DELETE"]
    for model in apps.get_models():
        is_user = issubclass(model, get_user_model())
        assert (pre_delete.has_listeners(model) or post_delete.has_listeners(model)) == is_user, model


def test_users_of_every_kind_are_still_heard_of(user: Any) -> None:
    other = make_user("bob@example.com")
    UserSession.objects.create(user=other, expires_at=timezone.now() + dt.timedelta(days=1))

    get_user_model().objects.filter(pk=other.pk).delete()

    session = UserSession.objects.get()
    assert (session.end_reason, session.user_id) == ("deactivated", None)


@pytest.mark.parametrize("cookie", ["x" * 7_000, "x:y", "\\000", "a\\054b", str(uuid.uuid4()), "0" * 32, "ß"])
def test_an_invented_cookie_costs_neither_memory_nor_a_write(db: None, cookie: str) -> None:
    client = Client()
    client.get("/page/", headers={"cookie": "sessionid=first"})  # makes the process query ended sessions

    with CaptureQueriesContext(connection) as queries:
        for number in range(20):
            client.get("/page/", headers={"cookie": f"sessionid={cookie}{number}"})

    assert statements(queries) == []
    assert memory.here._known == {}


def test_a_flood_of_cookies_makes_nobody_known_forgotten(user: Any) -> None:
    browser = Browser("sync")
    browser.log_in()

    for number in range(100):
        Client().get("/page/", headers={"cookie": f"sessionid={number:032}"})

    assert len(memory.here._known) == 1
    with CaptureQueriesContext(connection) as queries:
        browser.get("/page/")
    assert statements(queries) == []


def test_an_activity_does_not_make_the_answer_vary(db: None) -> None:
    for path in ("/deed/", "/async/deed/"):
        answer = Client().get(path)

        assert "Cookie" not in answer.headers.get("Vary", ""), path
        assert not answer.cookies


@pytest.mark.parametrize("cookie", ["\000aaaaaaaaaaaa", "x" * 40])
def test_a_session_that_cannot_be_read_costs_no_event(
    db: None, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any) -> Any:
        raise OperationalError("the database is away for sessions")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)

    Client().get("/deed/", headers={"cookie": f'sessionid="{cookie}"'})

    activity = ActivityLog.objects.get()
    assert (activity.action, activity.user_id) == ("thing.done", None)


def statements(queries: CaptureQueriesContext) -> list[str]:
    """Return the queries without the savepoints of ATOMIC_REQUESTS."""
    return [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_many_users_are_deleted_with_as_many_statements_as_few(db: None) -> None:
    def statements_for(number: int) -> int:
        users = [make_user(f"p{n}@example.com") for n in range(number)]
        later = timezone.now() + dt.timedelta(days=1)
        UserSession.objects.bulk_create(UserSession(user=user, expires_at=later) for user in users)
        with CaptureQueriesContext(connection) as queries:
            get_user_model().objects.filter(pk__in=[user.pk for user in users]).delete()
        return len(queries)

    assert statements_for(2) == statements_for(9)
    assert set(UserSession.objects.values_list("end_reason", "user")) == {("deactivated", None)}
