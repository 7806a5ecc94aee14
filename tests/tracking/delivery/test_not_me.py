"""Tests the link "this was not me": it ends all sessions and asks for a new password, once, for its person only."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.core import signing
from django.db import connections
from django.test import Client
from django.utils import timezone

from tests.tracking.delivery.conftest import new_device, person
from tracking.delivery import not_me
from tracking.models import SecurityAlert, UserSession

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann() -> Any:
    return person()


@pytest.fixture
def link(ann: Any) -> str:
    return f"/devices/not-me/{not_me.token_for(new_device(ann), ann)}/"


@pytest.fixture
def stranger() -> Client:
    """A browser without cookies, on a site that checks for forged requests."""
    return Client(enforce_csrf_checks=True)


def signed_in(user: Any) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": "correct horse"})
    assert client.get("/").status_code == 200
    return client


def test_opening_the_link_changes_nothing(ann: Any, link: str, stranger: Client) -> None:
    thief = signed_in(ann)
    before = type(ann).objects.values_list("password").get()

    for _ in range(3):
        page = stranger.get(link)

    assert page.status_code == 200
    assert "<button" in page.content.decode()
    assert "Firefox, Linux" in page.content.decode()
    assert type(ann).objects.values_list("password").get() == before
    assert thief.get("/").status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page.headers["Cache-Control"]
    assert not page.cookies


def test_the_button_ends_all_sessions_and_the_password(ann: Any, link: str, stranger: Client) -> None:
    browsers = [signed_in(ann), signed_in(ann)]

    page = stranger.post(link)

    assert page.status_code == 200
    assert '<a href="/accounts/password/reset/">Choose a new password</a>' in page.content.decode()
    assert [browser.get("/").status_code for browser in browsers] == [302, 302]
    assert {session.end_reason for session in UserSession.objects.filter(user=ann.pk)} == {"ended_by_owner"}
    ann.refresh_from_db()
    assert not ann.check_password("correct horse")
    assert ann.has_usable_password()  # or Django would send no mail to reset it
    reported = SecurityAlert.objects.get(kind="reported")
    assert (reported.user_id, reported.severity, reported.ip_address) == (ann.pk, "high", "203.0.113.7")


def test_a_second_click_says_the_same_and_does_nothing(ann: Any, link: str, stranger: Client) -> None:
    stranger.post(link)
    ann.refresh_from_db()
    ann.set_password("a new password of ann")
    ann.save()
    before = ann.password

    for page in (stranger.post(link), stranger.get(link)):
        assert page.status_code == 200
        assert "All sessions of your account have been ended" in page.content.decode()

    ann.refresh_from_db()
    assert ann.password == before
    assert SecurityAlert.objects.filter(kind="reported").count() == 1


def test_two_clicks_at_once_are_one(ann: Any, link: str) -> None:
    statuses: list[int] = []

    def click() -> None:
        try:
            statuses.append(Client().post(link).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert statuses == [200] * 4
    assert SecurityAlert.objects.filter(kind="reported").count() == 1


def test_the_link_dies_when_the_password_changes(ann: Any, link: str, stranger: Client) -> None:
    ann.set_password("another one of ann")
    ann.save()

    assert stranger.post(link).status_code == 404

    assert not SecurityAlert.objects.filter(kind="reported").exists()


def test_the_link_dies_after_seven_days(ann: Any, link: str, stranger: Client, monkeypatch: Any) -> None:
    now = timezone.now().timestamp()
    monkeypatch.setattr(signing.time, "time", lambda: now + dt.timedelta(days=7, minutes=1).total_seconds())

    assert stranger.get(link).status_code == 404


def test_every_invalid_link_gets_the_same_answer(ann: Any, link: str, stranger: Client) -> None:
    bob = person("bob@example.com")
    alert = SecurityAlert.objects.get()
    tokens = [
        "x", "a:b:c", "%00", "x" * 5_000,
        link.split("/")[-2][:-1] + "_",
        signing.dumps([alert.pk, str(ann.pk), "x"], salt="another"),
        signing.dumps([alert.pk, str(ann.pk), "x"], salt=not_me.SALT),
        signing.dumps([alert.pk, str(bob.pk), "x"], salt=not_me.SALT),
        signing.dumps("x", salt=not_me.SALT),
        not_me.token_for(alert, bob),
    ]  # fmt: skip

    pages = [stranger.post(f"/devices/not-me/{token}/") for token in tokens]

    assert {page.status_code for page in pages} == {404}
    assert len({page.content for page in pages}) == 1
    assert not SecurityAlert.objects.filter(kind="reported").exists()


def test_who_signs_on_at_a_provider_is_sent_there(ann: Any, stranger: Client) -> None:
    ann.set_unusable_password()
    ann.save()
    link = f"/devices/not-me/{not_me.token_for(new_device(ann), ann)}/"

    assert "new one" not in stranger.get(link).content.decode()
    page = stranger.post(link)

    assert "You sign in with a provider" in page.content.decode()
    ann.refresh_from_db()
    assert not ann.has_usable_password()


def test_a_rotated_secret_key_keeps_links_valid(ann: Any, link: str, stranger: Client, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key-of-the-site-" * 2

    assert stranger.get(link).status_code == 200


def test_a_link_of_a_closed_account_is_invalid(ann: Any, link: str, stranger: Client) -> None:
    ann.is_active = False
    ann.save()

    assert stranger.post(link).status_code == 404
