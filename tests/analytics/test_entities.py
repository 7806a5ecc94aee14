"""Tests the history of an entity."""

import datetime as dt
from urllib.parse import unquote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cortex.models import User
from tracking.models import ActivityLog

pytestmark = pytest.mark.django_db


def done(number: int, entity: tuple[str, str], user: User | None = None) -> None:
    now = timezone.now()
    ActivityLog.objects.bulk_create(
        ActivityLog(
            action=f"deed{n}", entity_type=entity[0], entity_id=entity[1], user=user,
            timestamp=now - dt.timedelta(minutes=n),
        )
        for n in range(number)
    )  # fmt: skip


def test_the_history_has_all_activities_of_the_entity_and_no_others(
    admin_client: Client, admin_user: User
) -> None:
    done(120, ("crm.contact", "7"), admin_user)
    done(3, ("crm.contact", "70"))
    done(3, ("crm.company", "7"))
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = admin_client.get(
            reverse("analytics:entity", args=["crm.contact", "7"]), query
        ).content.decode()
        seen += [part.split("<")[0].split()[-1] for part in page.split('an-tag">')[1:]]
        if 'rel="next"' not in page:
            break
        query = {"after": unquote(page.split('href="?after=')[1].split('"')[0])}

    assert seen == [f"deed{n}" for n in range(120)]
    assert str(admin_user) in page


def test_an_activity_leads_to_the_history_and_the_history_to_the_admin(
    admin_client: Client, admin_user: User
) -> None:
    done(1, ("cortex.user", str(admin_user.pk)), admin_user)
    address = reverse("analytics:entity", args=["cortex.user", admin_user.pk])

    assert f'href="{address}"' in admin_client.get(reverse("analytics:dashboard")).content.decode()
    page = admin_client.get(address).content.decode()

    assert reverse("admin:cortex_user_change", args=[admin_user.pk]) in page


@pytest.mark.parametrize(
    ("entity_type", "entity_id"),
    [
        ("no.model", "1"),
        ("crm", "x"),
        ("cortex.user", "not a key"),
        ("cortex.user", "9" * 40),
        ("<b>", "a/b"),
        ("x", "\0"),
        ("wiki.page", "1/../../users"),
    ],
)
def test_whatever_is_asked_for_is_answered(admin_client: Client, entity_type: str, entity_id: str) -> None:
    answer = admin_client.get(reverse("analytics:entity", args=[entity_type, entity_id]))

    assert answer.status_code == 200
    assert "<b>" not in answer.content.decode().split('id="an-timeline"')[0].split("<h1>")[1]


@pytest.mark.parametrize("entity", [("crm.contact", "7\n8"), ("a/b", "7"), ("..", ".."), ("x", "a/../b")])
def test_names_that_cannot_stand_in_an_address_have_no_page_but_are_shown(
    admin_client: Client, entity: tuple[str, str]
) -> None:
    done(1, entity)

    page = admin_client.get(reverse("analytics:dashboard"))

    assert page.status_code == 200
    assert "deed0" in page.content.decode()
    assert "/entities/" not in page.content.decode()
    answer = admin_client.get(reverse("analytics:search"), {"q": ":".join(entity)})
    assert answer.headers["Location"] == reverse("analytics:dashboard")
