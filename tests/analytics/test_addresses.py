"""Tests the page of an address and of a network against the raw events."""

import datetime as dt
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.panels import addresses
from analytics.panels.addresses import origin, parse
from tests.analytics.events import login_event
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 26, 2, 2, tzinfo=dt.UTC)


def attack(names: int, *, network: str = "203.0.113", successes: int = 0, before: Any = NOW) -> None:
    LoginEvent.objects.bulk_create(
        login_event(
            before + dt.timedelta(seconds=number),
            ip_address=f"{network}.{number % 5 + 1}",
            identifier=f"name{number}",
            success=number < successes,
            failure_reason="" if number < successes else "bad_password",
        )
        for number in range(names)
    )


def page_of(client: Client, address: str, **query: str) -> str:
    answer = client.get(reverse("analytics:address", args=[address]), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    "address", ["203.0.113.1", "203.0.113.0/24", "203.0.113.0/30", "2001:db8::/48", "10.0.0.1"]
)
def test_the_figures_are_those_of_the_events(address: str) -> None:
    attack(40, successes=3)
    attack(7, network="203.0.114")
    LoginEvent.objects.bulk_create(
        login_event(NOW, ip_address=f"2001:db8:0:{number}::1", identifier="six") for number in range(3)
    )
    network = parse(address)
    assert network
    rows = [row for row in LoginEvent.objects.all() if _is_within(row.ip_address, network)]

    found = origin(network)

    assert found.attempts == len(rows)
    assert found.successes == sum(row.success for row in rows)
    assert found.names == len({row.user_id or row.identifier for row in rows})
    assert (found.first_at, found.last_at) == (
        (min(row.timestamp for row in rows), max(row.timestamp for row in rows)) if rows else (None, None)
    )
    assert found.is_complete


def _is_within(address: str | None, network: Any) -> bool:
    own = parse(address or "")
    return own is not None and own.version == network.version and own.subnet_of(network)


@pytest.mark.parametrize(
    ("successes", "level", "words"),
    [
        (0, "warning", "40 names were tried, and none got in."),
        (3, "bad", "40 names were tried; 3 logins succeeded."),
        (40, "quiet", "40 names were tried; 40 logins succeeded."),
    ],
)
def test_the_page_says_whether_anybody_got_in(
    admin_client: Client, successes: int, level: str, words: str
) -> None:
    attack(40, successes=successes)

    page = page_of(admin_client, "203.0.113.0/24")

    assert words in page
    assert f"an-headline an-{level}" in page


def test_an_address_leads_to_its_network_its_users_and_its_list(admin_client: Client) -> None:
    ann = get_user_model().objects.create_user("ann@example.com")
    LoginEvent.objects.bulk_create([login_event(NOW, ip_address="203.0.113.9", user_id=ann.pk)])

    page = page_of(admin_client, "203.0.113.9")

    assert reverse("analytics:address", args=["203.0.113.0/24"]) in page
    assert reverse("analytics:user", args=[ann.pk]) in page
    assert "ip_address__exact=203.0.113.9" in page


def test_the_timeline_goes_on_where_its_page_ends(admin_client: Client) -> None:
    attack(130)
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = page_of(admin_client, "203.0.113.0/24", **query)
        seen += [part.split('"')[0] for part in page.split('data-key="')[1:]]
        if 'rel="next"' not in page:
            break
        query = {"after": unquote(page.split('href="?after=')[1].split('"')[0])}

    assert len(seen) == len(set(seen)) == 130


WIDE = ["0.0.0.0/0", "10.0.0.0/8", "::/0"]
NONSENSE = ["nonsense", "203.0.113.999", "203.0.113.1/99", "::1%eth0", "<script>"]


@pytest.mark.parametrize("text", WIDE + NONSENSE)
def test_what_is_no_address_or_half_of_all_addresses_is_not_found(admin_client: Client, text: str) -> None:
    assert admin_client.get(f"/admin/analytics/addresses/{text}/").status_code == 404


def test_at_most_so_many_logins_are_counted(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MOST_COUNTED", 30)
    attack(40)

    page = page_of(admin_client, "203.0.113.0/24")

    assert "≥ 30" in page
    assert "none got in among the newest 30 logins." in page


def test_a_user_who_enters_two_names_is_one(db: None) -> None:
    ann = get_user_model().objects.create_user("ann@example.com")
    LoginEvent.objects.bulk_create(
        login_event(NOW, ip_address="203.0.113.9", user_id=ann.pk, identifier=name) for name in ("ann", "Ann")
    )
    network = parse("203.0.113.9")
    assert network

    assert origin(network).names == 1


def test_an_address_of_the_older_kind_is_the_same_in_the_newer_notation(admin_client: Client) -> None:
    attack(3)

    assert "3 names were tried" not in page_of(admin_client, "::ffff:203.0.113.77")
    assert "1 name was tried" in page_of(admin_client, "::ffff:203.0.113.1")


def test_many_guesses_of_one_name_are_an_attack(admin_client: Client) -> None:
    LoginEvent.objects.bulk_create(
        login_event(NOW, ip_address="203.0.113.9", identifier="ann", success=False) for _ in range(400)
    )

    assert "an-headline an-warning" in page_of(admin_client, "203.0.113.9")


def test_the_page_takes_few_queries_however_many_names(admin_client: Client) -> None:
    attack(20)
    with CaptureQueriesContext(connection) as few:
        page_of(admin_client, "203.0.113.0/24")
    attack(200, before=timezone.now())
    with CaptureQueriesContext(connection) as many:
        page_of(admin_client, "203.0.113.0/24")

    assert len(many) == len(few) <= 8


def test_the_page_names_the_countries_of_the_logins(admin_client: Client) -> None:
    LoginEvent.objects.bulk_create(
        login_event(NOW, ip_address="203.0.113.9", country=country) for country in ("DE", "DE", "FR", "")
    )

    page = page_of(admin_client, "203.0.113.9")

    assert "Germany, France" in page
    assert '<abbr title="Germany">DE</abbr>' in page


def test_a_page_without_countries_says_nothing_of_them(admin_client: Client) -> None:
    attack(3)

    assert "Country" not in page_of(admin_client, "203.0.113.1")
