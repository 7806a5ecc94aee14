"""Tests the search for users, addresses and entities, and that it tells nobody more than they may see."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cortex.models import User
from tests.analytics.events import login_event
from tracking.models import LoginEvent, SecurityAlert

pytestmark = pytest.mark.django_db
DASHBOARD = "/admin/analytics/"


def found(client: Client, term: str) -> str:
    answer = client.get(reverse("analytics:search"), {"q": term})
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def viewing(*rights: str) -> Client:
    user = User.objects.create_user("viewer@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_dashboard", *rights)))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("term", "page"),
    [
        ("203.0.113.7", "/admin/analytics/addresses/203.0.113.7/"),
        (" 203.0.113.0/24 ", "/admin/analytics/addresses/203.0.113.0/24/"),
        ("2001:db8::1", "/admin/analytics/addresses/2001:db8::1/"),
        ("::ffff:203.0.113.7", "/admin/analytics/addresses/203.0.113.7/"),
        ("0.0.0.0/0", DASHBOARD),
        ("2001::/16", DASHBOARD),
        ("cortex.pov:117", "/admin/analytics/entities/cortex.pov/117/"),
        ("nobody@example.com", DASHBOARD),
        ("", DASHBOARD),
        ("\0", DASHBOARD),
        ("x" * 5_000, DASHBOARD),
        ("<script>", DASHBOARD),
    ],
)
def test_what_is_entered_leads_to_its_page(admin_client: Client, term: str, page: str) -> None:
    assert found(admin_client, term) == page


def test_a_user_is_found_by_name(admin_client: Client) -> None:
    ann = User.objects.create_user("ann@example.com")

    assert found(admin_client, "ann@example.com") == reverse("analytics:user", args=[ann.pk])


def test_what_is_not_found_is_said(admin_client: Client) -> None:
    answer = admin_client.get(reverse("analytics:search"), {"q": "<b>nobody</b>"}, follow=True)

    assert "Nothing found for &quot;&lt;b&gt;nobody&lt;/b&gt;&quot;" in answer.content.decode()


def test_a_search_is_no_way_to_the_names_of_all_users() -> None:
    User.objects.create_user("unseen@example.com")
    seen = User.objects.create_user("seen@example.com")
    LoginEvent.objects.bulk_create([login_event(timezone.now() - dt.timedelta(days=1), user_id=seen.pk)])
    client = viewing("view_loginevent")

    assert found(client, "unseen@example.com") == found(client, "nobody@example.com") == DASHBOARD
    assert found(client, "seen@example.com") == reverse("analytics:user", args=[seen.pk])
    assert found(client, "cortex.pov:1") == DASHBOARD


def test_without_rights_nothing_is_found() -> None:
    client = viewing()

    for term in ("viewer@example.com", "203.0.113.7", "cortex.pov:1"):
        assert found(client, term) == DASHBOARD


def test_a_network_that_is_too_wide_is_told_what_to_enter(admin_client: Client) -> None:
    answer = admin_client.get(reverse("analytics:search"), {"q": "10.0.0.0/8"}, follow=True)

    assert "have to be /16 (IPv6: /32) or smaller" in answer.content.decode()


@pytest.mark.parametrize("name", ["security_alert", "Security alert", "alert", "tracking.securityalert"])
def test_an_alert_is_found_by_what_pages_call_it(admin_client: Client, name: str) -> None:
    alert = SecurityAlert.objects.create(kind="spraying", occasion="one")

    assert found(admin_client, f"{name}:{alert.pk}") == reverse("analytics:alert", args=[alert.pk])


@pytest.mark.parametrize("number", ["999999", "9" * 40, "²", "x"])
def test_an_alert_that_is_not_there_is_looked_for_among_the_entities(
    admin_client: Client, number: str
) -> None:
    assert "/alerts/" not in found(admin_client, f"security_alert:{number}")


def test_an_alert_is_not_found_without_the_right_to_see_alerts() -> None:
    alert = SecurityAlert.objects.create(kind="spraying", occasion="one")

    assert "/alerts/" not in found(viewing("view_activitylog"), f"security_alert:{alert.pk}")
