"""Tests the lists of accounts that nobody uses, against a plain look at each account and its logins."""

import csv
import datetime as dt
import io
import random
import re
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse
from django.utils import timezone

from analytics.panels import accounts
from analytics.panels.accounts import Unused
from analytics.rollups.refresh import refresh
from cortex.models import User
from tests.analytics import naive
from tests.analytics.events import login_event
from tracking.models import ActivityLog, LoginEvent

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_cache() -> None:
    caches["analytics"].clear()


def make_accounts(number: int, *, seed: int = 1) -> list[User]:
    """Make accounts that are active or not, some with a login that Django noted."""
    randomness, now = random.Random(seed), timezone.now()
    return User.objects.bulk_create(
        User(
            email=f"a{seed}-{place}@example.com",
            is_active=randomness.random() < 0.8,
            last_login=now - 200 * DAY * randomness.random() if randomness.random() < 0.3 else None,
        )
        for place in range(number)
    )


def log_in(users: list[User], *, seed: int, number: int = 60) -> None:
    """Write logins of some of the users, late ones and failures among them."""
    randomness, now = random.Random(seed), timezone.now()
    LoginEvent.objects.bulk_create(
        login_event(
            now - 300 * DAY * randomness.random(),
            user_id=randomness.choice(users).pk,
            success=randomness.random() < 0.7,
        )
        for _ in range(number)
    )


def expected() -> dict[Unused, set[Any]]:
    """Look at each account, and at each of its logins."""
    logged_in, since = naive.seen(), timezone.now() - 90 * DAY
    found: dict[Unused, set[Any]] = {kind: set() for kind in Unused}
    for user in User.objects.filter(is_active=True):
        moments = [user.last_login] if user.last_login else []
        moments += [logged_in[user.pk][1]] if user.pk in logged_in else []
        if not moments:
            found[Unused.NEVER].add(user.pk)
        elif max(moments) < since:
            found[Unused.LONG].add(user.pk)
    return found


def listed(kind: Unused) -> list[Any]:
    return [account.pk for page in accounts.pages(kind) for account in page]


@pytest.mark.parametrize("counted", ["all", "half", "nothing"])
@pytest.mark.parametrize("seed", [1, 2])
def test_accounts_are_those_of_a_look_at_each(
    counted: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "PAGE", 7)
    users = make_accounts(80, seed=seed)
    log_in(users, seed=seed)
    if counted != "nothing":
        refresh()
    if counted == "half":
        log_in(users, seed=seed + 10, number=30)

    wanted = expected()

    assert all(wanted.values())
    for kind in Unused:
        assert listed(kind) == sorted(wanted[kind])
        assert accounts.numbers()[kind] == len(wanted[kind])


def test_an_account_of_which_only_a_pruned_login_is_known_is_not_called_never_used() -> None:
    (user,) = make_accounts(1)
    User.objects.update(is_active=True, last_login=None)
    LoginEvent.objects.bulk_create([login_event(timezone.now() - 200 * DAY, user_id=user.pk)])
    refresh()
    LoginEvent.objects.all().delete()  # as retention does

    assert (listed(Unused.NEVER), listed(Unused.LONG)) == ([], [user.pk])


def test_the_page_goes_on_where_it_ends_and_the_file_has_them_all(admin_client: Client) -> None:
    make_accounts(150)
    User.objects.filter(email__startswith="a1").update(is_active=True, last_login=None)
    address, seen = reverse("analytics:accounts"), []
    for _ in range(5):
        page = admin_client.get(address).content.decode()
        seen += re.findall(r">(a1-\d+@example\.com)<", page)
        following = re.search(r'href="(\?unused=never&amp;after=\d+)" rel="next"', page)
        if not following:
            break
        address = reverse("analytics:accounts") + following[1].replace("&amp;", "&")

    assert len(seen) == len(set(seen)) == 150
    answer = admin_client.get(reverse("analytics:accounts_file"), {"unused": "never"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["name"] for row in rows] == seen
    assert rows[0].keys() == {"name", "joined", "last_login"}
    exported = ActivityLog.objects.get(action="analytics.exported")
    assert exported.metadata == {"log": "accounts", "format": "csv", "unused": "never"}


def test_a_name_that_a_spreadsheet_would_run_is_exported_as_text(admin_client: Client) -> None:
    User.objects.create(email="=cmd()@example.com")

    answer = admin_client.get(reverse("analytics:accounts_file"), {"unused": "never"})

    assert "'=cmd()@example.com" in b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize("after", ["", "x", "\0", "9" * 40, "-1", "1.5"])
def test_a_place_that_is_none_is_the_beginning_or_the_end(admin_client: Client, after: str) -> None:
    assert admin_client.get(reverse("analytics:accounts"), {"after": after}).status_code == 200


@pytest.mark.parametrize("unused", ["", "80d", "\0", "never\0"])
def test_there_are_no_other_lists(admin_client: Client, unused: str) -> None:
    for name in ("accounts", "accounts_file"):
        assert admin_client.get(reverse(f"analytics:{name}"), {"unused": unused}).status_code == 404


def test_the_dashboard_leads_to_the_lists(admin_client: Client) -> None:
    make_accounts(5)

    page = admin_client.get(reverse("analytics:dashboard")).content.decode()

    for kind in Unused:
        assert f'href="{reverse("analytics:accounts")}?unused={kind}"' in page


def test_the_page_takes_as_many_queries_however_many_accounts(admin_client: Client) -> None:
    taken = []
    for number in (5, 120):
        users = make_accounts(number, seed=number)
        log_in(users, seed=number)
        caches["analytics"].clear()
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(reverse("analytics:accounts"), {"unused": "90d"})
        taken.append(len(asked))

    assert taken[0] == taken[1] <= 16


def test_while_logins_are_not_counted_no_account_is_called_unused(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.reports.tail.MOST_BEHIND", 20)
    for module in ("read", "tail"):
        monkeypatch.setattr(f"analytics.reports.{module}.refresh_if_free", lambda: None)
    users = make_accounts(10)
    log_in(users, seed=1, number=60)

    with override_settings(ANALYTICS={"TAIL_EVENTS": 5}):
        dashboard = admin_client.get(reverse("analytics:dashboard")).content.decode()
        page = admin_client.get(reverse("analytics:accounts")).content.decode()
        file = admin_client.get(reverse("analytics:accounts_file"))

    assert 'data-figure="unused-' not in dashboard
    assert "the figures by user lack them" in dashboard
    assert "it is not known which accounts are unused" in page
    assert "@example.com</a>" not in page.split("an-table")[-1]
    assert file.status_code == 503
