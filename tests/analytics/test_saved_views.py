"""Tests that people keep views of their own, and nobody else's."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from analytics.models import SavedView
from analytics.panels.saved_views import MOST_KEPT, keep_view
from cortex.models import User

pytestmark = pytest.mark.django_db


def person(name: str, *rights: str) -> tuple[User, Client]:
    user = User.objects.create_user(f"{name}@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_dashboard", *rights)))
    client = Client()
    client.force_login(user)
    return user, client


@pytest.fixture
def ann() -> tuple[User, Client]:
    return person("ann")


def save(client: Client, name: str, query: str = "range=7d&method=google") -> Any:
    return client.post(reverse("analytics:save_view"), {"name": name, "query": query})


def page_of(client: Client, query: str = "") -> str:
    answer = client.get(f"/admin/analytics/?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_view_is_saved_and_leads_back_to_itself(ann: tuple[User, Client]) -> None:
    user, client = ann

    answer = save(client, "Google, this week", "method=google&range=7d&page=9&csrf=x")

    view = SavedView.objects.get()
    assert (view.user_id, view.name, view.query) == (user.pk, "Google, this week", "range=7d&method=google")
    assert answer.headers["Location"] == "/admin/analytics/?range=7d&method=google"
    page = page_of(client, view.query)
    assert '<a href="?range=7d&amp;method=google" data-go aria-current="true">Google, this week</a>' in page


def test_a_view_with_a_name_that_exists_replaces_it(ann: tuple[User, Client]) -> None:
    save(ann[1], "Mine", "range=7d")
    save(ann[1], " Mine\n", "from=2026-11-01&to=2026-11-02")

    assert SavedView.objects.get().query == "from=2026-11-01&to=2026-11-02"


def test_everybody_sees_and_deletes_only_their_own(ann: tuple[User, Client]) -> None:
    _, bert = person("bert", "view_loginevent")
    save(ann[1], "Of Ann")
    save(bert, "Of Bert")
    save(bert, "Of Ann")
    of_ann = SavedView.objects.get(user=ann[0])

    answer = bert.post(reverse("analytics:delete_view"), {"view": str(of_ann.pk)})

    assert answer.status_code == 404
    assert SavedView.objects.count() == 3
    assert "Of Bert" not in page_of(ann[1])
    assert ann[1].post(reverse("analytics:delete_view"), {"view": str(of_ann.pk)}).status_code == 302
    assert not SavedView.objects.filter(user=ann[0]).exists()


@pytest.mark.parametrize("key", ["", "x", "-1", "٣", "9" * 30, "1 OR 1=1", "\0"])
def test_an_invalid_key_is_not_found(ann: tuple[User, Client], key: str) -> None:
    save(ann[1], "Mine")

    assert ann[1].post(reverse("analytics:delete_view"), {"view": key}).status_code == 404
    assert SavedView.objects.exists()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\0b\u202ec\td", "a b c d"),
        ("é" * 200, "é" * 60),
    ],
)
def test_hostile_names_are_text_on_one_line(ann: tuple[User, Client], name: str, kept: str) -> None:
    save(ann[1], name)

    assert SavedView.objects.get().name == kept
    assert "<script>alert" not in page_of(ann[1])


@pytest.mark.parametrize("query", ["range=1x", "outcome=maybe", "method=%00", "from=2026-13-01"])
def test_what_cannot_be_shown_is_not_saved(ann: tuple[User, Client], query: str) -> None:
    answer = save(ann[1], "Mine", query)

    assert answer.status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u202e"])
def test_a_view_needs_a_name(ann: tuple[User, Client], name: str) -> None:
    save(ann[1], name)

    assert not SavedView.objects.exists()


def test_hostile_queries_are_kept_as_filters_only(ann: tuple[User, Client]) -> None:
    save(ann[1], "Mine", 'range=7d&method="><script>&next=//evil.example&browser=' + "x" * 5_000)

    view = SavedView.objects.get()
    assert view.query == "range=7d&method=%22%3E%3Cscript%3E&browser=" + "x" * 100
    assert '"><script>' not in page_of(ann[1])


def test_there_are_at_most_fifty(ann: tuple[User, Client]) -> None:
    for number in range(MOST_KEPT):
        assert keep_view(ann[0], f"View {number}", "range=7d")

    answer = ann[1].post(
        reverse("analytics:save_view"), {"name": "One more", "query": "range=7d"}, follow=True
    )

    assert "You have 50 saved views, which is the most; delete one first." in answer.content.decode()
    assert keep_view(ann[0], "View 7", "range=1d")
    assert SavedView.objects.count() == MOST_KEPT


def test_without_the_dashboard_nothing_is_saved() -> None:
    user = User.objects.create_user("clerk@example.com", is_staff=True)
    client = Client()
    client.force_login(user)

    assert save(client, "Mine").status_code == 403
    assert save(Client(), "Mine").status_code == 302
    assert not SavedView.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_erasing_a_person_deletes_their_views_and_those_that_name_them(ann: tuple[User, Client]) -> None:
    bert, _ = person("bert")
    keep_view(ann[0], "Mine", "range=7d")
    keep_view(bert, "Logins of ann@example.com", "range=7d")
    keep_view(bert, "Other", "range=7d&method=ann%40example.com")
    keep_view(bert, "Joann", "range=7d")

    call_command("erase_user", "ann@example.com", yes=True)

    assert [view.name for view in SavedView.objects.all()] == ["Joann"]


def test_views_go_with_their_user(ann: tuple[User, Client]) -> None:
    keep_view(ann[0], "Mine", "range=7d")

    ann[0].delete()

    assert not SavedView.objects.exists()
