"""Tests that errors are pages of the site, with a way on, and tell nothing about its inside."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from cortex.models import User
from cortex.urls import urlpatterns as site

pytestmark = pytest.mark.django_db


def failing(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret of the code")


urlpatterns = [*site, path("failing/", failing)]


@pytest.fixture
def person(db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_user("ann@example.com", is_staff=True))
    return client


@override_settings(ROOT_URLCONF="tests.cortex.test_error_pages")
@pytest.mark.parametrize(
    ("address", "status", "title"),
    [
        ("/nowhere/", 404, "Page not found"),
        ("/admin/auth/group/", 403, "Not allowed"),
        ("/failing/", 500, "Something went wrong"),
    ],
)
def test_an_error_is_a_page_of_the_site_with_a_way_on(
    person: Client, address: str, status: int, title: str
) -> None:
    answer = person.get(address)
    page = answer.content.decode()

    assert answer.status_code == status
    assert f"<h1>{title}</h1>" in page
    assert "cortex/site" in page  # the stylesheet
    assert 'href="/">To the start page</a>' in page
    assert "secret" not in page


def test_a_form_without_its_token_says_what_to_do(db: None) -> None:
    answer: Any = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x", "password": "y"})

    assert answer.status_code == 403
    assert "reload the page, and send the form again" in answer.content.decode()


def test_a_message_is_not_lost_on_an_error_page(db: None) -> None:
    """Browsers ask for addresses that do not exist, such as of an icon, before they show the next page."""
    client = Client()
    root = User.objects.create_superuser("root@example.com", password="pw-of-root")
    client.force_login(root)
    client.get("/admin/analytics/search/", {"q": "nobody"})

    assert "Nothing found" not in client.get("/apple-touch-icon.png").content.decode()
    assert "Nothing found" in client.get("/admin/analytics/").content.decode()


def test_strangers_get_the_same_page(db: None) -> None:
    assert "<h1>Page not found</h1>" in Client().get("/nowhere/").content.decode()
