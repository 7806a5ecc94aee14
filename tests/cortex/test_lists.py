"""The lists of POVs and TRRs: searched, filtered, sorted and paged by their addresses."""

import datetime as dt
import re
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cortex.models import Pov, Trr, User
from cortex.pages.listings import PAGE_ROWS, POVS, TRRS, Listing
from tests.cortex.factories import PovFactory, TrrFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    caches["lists"].clear()


@pytest.fixture
def boss(client: Client) -> User:
    user = User.objects.create_superuser("boss@example.com", first_name="Bo", last_name="Boss")
    client.force_login(user)
    return user


def titles(client: Client, path: str, **parameters: str) -> list[str]:
    page = client.get(path, parameters).content.decode()
    return re.findall(r'<th role="rowheader" scope="row"><a href="\d+/">([^<]*)</a>', page)


def link(client: Client, address: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', client.get(address).content.decode())
    return found[1].replace("&amp;", "&") if found else ""


def test_every_word_of_a_search_must_be_found_somewhere(client: Client, boss: User) -> None:
    PovFactory(owner=boss, title="Cloud posture", customer="Acme Bank")
    PovFactory(owner=boss, title="Cloud logs", customer="Orbis")

    assert titles(client, "/povs/", q="ACME posture") == ["Cloud posture"]
    assert titles(client, "/povs/", q=" cloud ") == ["Cloud logs", "Cloud posture"]
    assert titles(client, "/povs/", q="cloud 100%") == []


def test_a_review_is_found_by_its_pov_and_customer(client: Client, boss: User) -> None:
    TrrFactory(title="Logs leave", pov=PovFactory(owner=boss, title="Cloud", customer="Acme"))
    TrrFactory(title="No mirror", pov=PovFactory(owner=boss, title="Plant", customer="Halden"))

    assert titles(client, "/trrs/", q="halden") == ["No mirror"]
    assert titles(client, "/trrs/", q="acme logs") == ["Logs leave"]


def test_what_somebody_searches_for_is_shown_and_escaped(client: Client, boss: User) -> None:
    page = client.get("/povs/", {"q": '"><b>x'}).content.decode()

    assert 'value="&quot;&gt;&lt;b&gt;x"' in page
    assert "Nothing matches." in page


def test_a_search_finds_nothing_of_others(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    PovFactory(title="Theirs")
    PovFactory(owner=user, title="Mine too")

    assert titles(client, "/povs/", q="theirs") == []
    assert titles(client, "/povs/", q="mine") == ["Mine too"]
    assert titles(client, "/povs/", sort="title") == ["Mine too"]


def test_each_column_sorts_both_ways(client: Client, boss: User) -> None:
    other = UserFactory(email="zoe@example.com")
    today = timezone.localdate()
    PovFactory(owner=boss, title="A", customer="Y", status="planned", priority="critical", end_date=None)
    PovFactory(owner=other, title="B", customer="X", status="lost", priority="low", end_date=today)
    before = today - dt.timedelta(days=1)
    PovFactory(owner=boss, title="C", customer="Z", status="active", priority="high", end_date=before)

    orders = {
        "title": "ABC", "-title": "CBA", "customer": "BAC", "status": "ACB", "priority": "BCA",
        "-priority": "ACB", "due": "CBA", "-due": "BCA", "owner": "ACB", "nonsense": "CBA", "": "CBA",
    }  # fmt: skip
    assert {sort: "".join(titles(client, "/povs/", sort=sort)) for sort in orders} == orders


@pytest.mark.parametrize("listing", [POVS, TRRS], ids=lambda listing: listing.name)
def test_every_order_has_every_row_once(client: Client, boss: User, listing: Listing) -> None:
    povs = PovFactory.create_batch(PAGE_ROWS + 7, owner=boss)
    for number, pov in enumerate(povs):
        TrrFactory(pov=pov, title=f"T{number % 5}", assessor=boss if number % 2 else None)
    names = [column.name for column in listing.columns]

    for sort in ("", *names, *(f"-{name}" for name in names)):
        address = f"/{listing.name}/?sort={sort}"
        keys, pages = re.findall(r'href="(\d+)/"', client.get(address).content.decode()), 1
        while following := link(client, address, "next"):
            address, pages = f"/{listing.name}/{following}", pages + 1
            keys += re.findall(r'href="(\d+)/"', client.get(address).content.decode())

        assert (len(keys), len(set(keys)), pages) == (PAGE_ROWS + 7, PAGE_ROWS + 7, 2), sort


def test_one_comes_back_to_where_one_was(client: Client, boss: User) -> None:
    for number in range(2 * PAGE_ROWS + 1):
        PovFactory(owner=boss, title=f"P{number:03}")
    first = titles(client, "/povs/", sort="title")
    second = link(client, "/povs/?sort=title", "next")
    third = link(client, f"/povs/{second}", "next")

    back = link(client, f"/povs/{third}", "prev")

    assert titles(client, f"/povs/{third}") == ["P100"]
    assert titles(client, f"/povs/{back}") == titles(client, f"/povs/{second}")
    assert titles(client, f"/povs/{link(client, f'/povs/{back}', 'prev')}") == first


def test_a_place_that_is_gone_is_the_first_page(client: Client, boss: User) -> None:
    pov = PovFactory(owner=boss, title="Only")

    assert titles(client, "/povs/", after=str(pov.pk)) == ["Only"]
    assert titles(client, "/povs/", before=str(pov.pk)) == ["Only"]
    assert titles(client, "/povs/", after="999999") == ["Only"]


def test_status_date_and_owner_filter(client: Client, boss: User) -> None:
    today = timezone.localdate()
    PovFactory(owner=boss, title="Late", status="active", end_date=today - dt.timedelta(days=1))
    PovFactory(owner=boss, title="Soon", status="on_hold", end_date=today + dt.timedelta(days=7))
    PovFactory(owner=boss, title="Won", status="won", end_date=today - dt.timedelta(days=9))
    PovFactory(title="Other", status="active", end_date=today)

    assert titles(client, "/povs/", status="won") == ["Won"]
    assert titles(client, "/povs/", due="overdue") == ["Late"]
    assert titles(client, "/povs/", due="week") == ["Other", "Soon"]
    assert titles(client, "/povs/", due="week", mine="1") == ["Soon"]
    assert titles(client, "/povs/", mine="1", status="active", q="late") == ["Late"]


def test_the_state_is_in_every_link(client: Client, boss: User) -> None:
    for _ in range(PAGE_ROWS + 1):
        PovFactory(owner=boss, status="active", title="Cloud")

    address = "/povs/?q=cloud&status=active&mine=1&sort=customer"
    page = client.get(address).content.decode()

    assert "?q=cloud&amp;status=active&amp;mine=1&amp;sort=-customer" in page
    assert link(client, address, "next").startswith("?q=cloud&status=active&mine=1&sort=customer&after=")
    assert '<th role="columnheader" scope="col" aria-sort="ascending">' in page


@pytest.mark.parametrize("path", ["/povs/", "/trrs/"])
def test_no_page_counts_and_the_usual_one_is_read_from_an_index(
    client: Client, boss: User, path: str
) -> None:
    owner = UserFactory()
    Pov.objects.bulk_create(Pov(title=f"P{n}", customer="C", owner=owner) for n in range(3000))
    pov = Pov.objects.first()
    assert pov is not None
    Trr.objects.bulk_create(Trr(title=f"T{n}", pov=pov, category="data") for n in range(3000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE povs, trrs")

    with CaptureQueriesContext(connection) as queries:
        client.get(path, {"q": "1", "sort": "title"})
        client.get(path)

    assert [query["sql"] for query in queries if "COUNT(" in query["sql"] or "OFFSET" in query["sql"]] == []
    table = path.strip("/")
    usual = next(q["sql"] for q in queries if f'ORDER BY "{table}"."created_at" DESC' in q["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {usual}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"idx_{table}_created_desc" in plan


def test_people_are_shown_by_name(client: Client, boss: User) -> None:
    PovFactory(owner=boss)
    PovFactory(owner=UserFactory(email="nameless@example.com"))

    page: Any = client.get("/povs/").content.decode()

    assert ">Bo Boss</td>" in page
    assert ">nameless@example.com</td>" in page
