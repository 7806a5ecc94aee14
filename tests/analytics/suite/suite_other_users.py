"""Tests figures by user on a site whose users have UUIDs as keys. `test_host_site.py` runs it in a separate process."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics.models import UserRollup
from analytics.panels import accounts
from analytics.panels.accounts import Unused
from analytics.period import DAY, Period
from analytics.reports import active_users
from analytics.rollups.refresh import refresh
from analytics.rollups.verify_users import check_users
from tests.analytics.events import login_event
from tracking.models import LoginEvent
from tracking.privacy.personal_data import erase

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> list[Any]:
    model: Any = get_user_model()
    return [model.objects.create_user(f"p{number}@example.com", "pw") for number in range(12)]


def test_figures_by_user_are_those_of_the_events(people: list[Any]) -> None:
    now = timezone.now()
    for moment, users in (
        (now - 100 * DAY, people[:3]),
        (now, people[2:6]),
        (now - dt.timedelta(days=2), people[2:4]),
    ):
        LoginEvent.objects.bulk_create(login_event(moment, user_id=user.pk) for user in users)
        refresh(step=2)
    LoginEvent.objects.bulk_create([login_event(now, user_id=people[7].pk)])

    found = active_users(Period(now.date() - 6 * DAY, now.date() + DAY))

    assert (found.today, found.week, found.new, found.returning) == (5, 5, 4, 1)
    assert accounts.numbers() == {Unused.NEVER: 5, Unused.LONG: 2}
    pages = [account.pk for page in accounts.pages(Unused.LONG) for account in page]
    assert pages == sorted(person.pk for person in people[:2])
    assert check_users(repair=False, step=2) == (9, {})


def test_erased_people_are_forgotten_and_what_differs_is_repaired(people: list[Any]) -> None:
    LoginEvent.objects.bulk_create(login_event(timezone.now(), user_id=user.pk) for user in people)
    refresh()
    erase(people[0])
    people[1].delete()
    UserRollup.objects.filter(pk=people[2].pk).update(logins=5)

    _logins, found = check_users(repair=True, step=4)

    assert found.keys() == {people[2].pk}
    assert dict(UserRollup.objects.values_list("pk", "logins")) == {user.pk: 1 for user in people[2:]}


def test_the_pages_work(people: list[Any], client: Client) -> None:
    model: Any = get_user_model()
    root = model.objects.create_user("root@example.com", "pw", is_staff=True, is_superuser=True)
    client.force_login(root)

    addresses = [reverse(f"analytics:{name}") for name in ("dashboard", "accounts", "accounts_file")]
    pages = [*addresses, reverse("analytics:user", args=[root.pk]), f"{addresses[1]}?after={people[0].pk}"]

    for page in pages:
        assert client.get(page).status_code == 200, page
    listed = client.get(addresses[1]).content.decode()
    assert "p3@example.com" in listed
    assert "Joined" not in listed
