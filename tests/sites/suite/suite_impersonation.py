"""Tests that acting as a user is told as what it is, and that the user's record stays clean."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.tracking.suite.conftest import PASSWORD, Browser, make_user
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession
from tracking.state import forget

pytestmark = pytest.mark.django_db

WAYS: dict[str, tuple[Callable[[Browser, Any], Any], Callable[[Browser], Any]]] = {
    "hijack": (
        lambda browser, user: browser.post("/hijack/acquire/", {"user_pk": user.pk}),
        lambda browser: browser.post("/hijack/release/"),
    ),
    "loginas": (
        lambda browser, user: browser.post(f"/admin/login/user/{user.pk}/"),
        lambda browser: browser.post("/admin/logout/"),
    ),
    "own": (
        lambda browser, user: browser.post("/act-as/", {"user_pk": user.pk}),
        lambda browser: browser.post("/be-oneself/"),
    ),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Any:
    return WAYS[request.param]


@pytest.fixture
def admin(db: None) -> Any:
    return make_user("root@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def administrator(admin: Any) -> Browser:
    browser = Browser("sync")
    browser.log_in("root@example.com")
    return browser


def test_the_actor_and_the_user_are_told_and_no_login_of_the_user(
    administrator: Browser, admin: Any, user: Any, way: Any
) -> None:
    begin, end = way
    Client().post("/login/", {"username": "ann@example.com", "password": PASSWORD})  # from another device

    begin(administrator, user)

    assert administrator.get("/who/").content == b"ann@example.com"
    assert [str(event.user) for event in LoginEvent.objects.order_by("pk")] == [
        "root@example.com",
        "ann@example.com",
    ]
    assert not SecurityAlert.objects.exists()
    assert UserSession.objects.open().count() == 2
    started = ActivityLog.objects.get()
    assert (started.action, started.user_id) == ("impersonation.started", admin.pk)
    assert (started.entity_type, started.entity_id) == ("auth.user", str(user.pk))

    end(administrator)

    assert administrator.get("/who/").content == b"root@example.com"
    ended = ActivityLog.objects.latest("pk")
    assert (ended.action, ended.user_id, ended.entity_id) == ("impersonation.ended", admin.pk, str(user.pk))
    assert LoginEvent.objects.count() == 2
    assert UserSession.objects.open().count() == 2
    assert {session.user_id for session in UserSession.objects.open()} == {admin.pk, user.pk}


def test_what_is_done_while_acting_is_the_actors_deed(
    administrator: Browser, admin: Any, user: Any, way: Any
) -> None:
    way[0](administrator, user)

    administrator.get("/deed/")

    deed = ActivityLog.objects.get(action="thing.done")
    assert deed.user_id == admin.pk
    assert deed.metadata == {"how": "well", "acting_as": str(user.pk)}


def test_ending_the_actors_session_ends_the_acting(
    administrator: Browser, admin: Any, user: Any, way: Any
) -> None:
    way[0](administrator, user)
    administrator.get("/page/")

    UserSession.objects.filter(user=admin).end("ended_by_admin")

    assert not administrator.is_logged_in


ENDINGS: dict[str, Callable[[Any], Any]] = {
    "a new password": lambda admin: (admin.set_password("another"), admin.save()),
    "deactivation": lambda admin: (setattr(admin, "is_active", False), admin.save()),
    "deletion": lambda admin: admin.delete(),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_the_actors_sessions_ends_the_acting(
    administrator: Browser, admin: Any, user: Any, way: Any, ending: str
) -> None:
    way[0](administrator, user)
    administrator.get("/page/")
    assert UserSession.objects.get(user=admin).acting_as == user

    ENDINGS[ending](admin)
    forget()  # as in another process

    assert not administrator.is_logged_in


@pytest.mark.parametrize("engine", ["signed_cookies", "cache", "cached_db"])
def test_the_session_is_the_actors_with_any_engine(
    db: None, settings: Any, admin: Any, user: Any, way: Any, engine: str
) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    browser = Browser("sync")
    browser.log_in("root@example.com")
    forget()  # the request that begins the acting comes to another process

    way[0](browser, user)
    assert browser.get("/who/").content == b"ann@example.com"
    UserSession.objects.filter(user=admin).end("ended_by_admin")

    assert not browser.is_logged_in


def test_the_session_is_found_while_the_secret_is_rotated(
    administrator: Browser, admin: Any, user: Any, settings: Any
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [settings.SECRET_KEY]
    forget()

    WAYS["own"][0](administrator, user)

    assert UserSession.objects.get().acting_as == user


@pytest.mark.parametrize("name", ["hijack", "own"])
def test_an_acting_that_was_rolled_back_answers_as_without_tracking(
    administrator: Browser, user: Any, name: str
) -> None:
    answer = administrator.post(f"/rolled-back/{name}/", {"user_pk": user.pk})

    assert answer.status_code == 200
    assert administrator.get("/who/").status_code == 200


def test_a_fault_of_tracking_loses_no_event(
    administrator: Browser, admin: Any, user: Any, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("the row of the session cannot be found")

    monkeypatch.setattr("tracking.capture.impersonation._session_before", fail)
    way[0](administrator, user)

    assert administrator.get("/who/").content == b"ann@example.com"
    assert ActivityLog.objects.get().action == "impersonation.started"


def test_an_error_after_the_switch_leaves_nothing(administrator: Browser, admin: Any, user: Any) -> None:
    administrator.post("/failing-act-as/", {"user_pk": user.pk})

    assert (
        administrator.get("/who/").content == b"nobody"
    )  # Django has flushed the session, and saved no other
    assert not ActivityLog.objects.exists()
    assert LoginEvent.objects.count() == 1


def test_a_password_after_a_logout_in_the_same_request_is_a_login(
    administrator: Browser, admin: Any, user: Any
) -> None:
    WAYS["own"][0](administrator, user)

    administrator.post("/sign-in-anew/", {"username": "root@example.com", "password": PASSWORD})

    assert LoginEvent.objects.filter(user=admin, success=True).count() == 2
    assert UserSession.objects.open().count() == 1
    assert ActivityLog.objects.latest("pk").action == "impersonation.ended"


def test_an_async_view_is_told_as_well(administrator: Browser, admin: Any, user: Any) -> None:
    administrator.post("/async-act-as/", {"user_pk": user.pk})

    assert administrator.get("/who/").content == b"ann@example.com"
    assert ActivityLog.objects.get().action == "impersonation.started"
    assert UserSession.objects.get().acting_as == user


def test_a_logout_while_acting_ends_both(administrator: Browser, admin: Any, user: Any, way: Any) -> None:
    way[0](administrator, user)

    administrator.post("/logout/")

    assert ActivityLog.objects.latest("pk").action == "impersonation.ended"
    assert UserSession.objects.get().end_reason == "logout"


def test_a_process_that_has_not_seen_the_session_finds_it(
    administrator: Browser, admin: Any, user: Any, way: Any
) -> None:
    forget()
    way[0](administrator, user)

    session = UserSession.objects.get()
    assert (session.user_id, session.is_open) == (admin.pk, True)


def test_acting_as_one_after_the_other(administrator: Browser, admin: Any, user: Any) -> None:
    boss = make_user("boss@example.com", is_staff=True, is_superuser=True)
    begin, end = WAYS["hijack"]
    begin(administrator, boss)
    begin(administrator, user)
    end(administrator)
    administrator.get("/deed/")

    deed = ActivityLog.objects.get(action="thing.done")
    assert (deed.user_id, deed.metadata["acting_as"]) == (admin.pk, str(boss.pk))
    assert UserSession.objects.get().user_id == admin.pk

    end(administrator)

    acts = list(
        ActivityLog.objects.exclude(action="thing.done").order_by("pk").values_list("action", "user_id")
    )
    assert acts == [
        ("impersonation.started", admin.pk),
        ("impersonation.started", boss.pk),
        ("impersonation.ended", boss.pk),
        ("impersonation.ended", admin.pk),
    ]
    assert administrator.get("/who/").content == b"root@example.com"
