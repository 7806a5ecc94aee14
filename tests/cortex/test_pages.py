"""The pages of people who are signed in: what they show to whom, from the cache, and when it is fresh."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cortex.freshness import refresh
from cortex.models import Pov, Trr, User
from importer import run_import
from importer.jobs import create_job
from tests.cortex.factories import PovFactory, TrrFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ["/", "/povs/", "/trrs/"]


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    for alias in ("users", "lists"):
        caches[alias].clear()


@pytest.fixture
def user() -> User:
    return UserFactory(email="ann@example.com", first_name="Ann")


@pytest.fixture
def page(client: Client, user: User) -> Any:
    """Returns the page's text."""
    client.force_login(user)
    return lambda path, **query: client.get(path, query).content.decode()


def number(home: str, name: str) -> int:
    found = re.search(rf"<strong>([\d,]+)</strong> {name}", home)
    assert found, home
    return int(found[1].replace(",", ""))


def tables(client: Client, path: str) -> set[str]:
    """Returns the tables that a page's queries read."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(path).status_code == 200
    return {
        name for name in ("povs", "trrs", "users") for query in queries if f'FROM "{name}"' in query["sql"]
    }


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_asked_to_log_in(client: Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/accounts/login/?next={path}")


def test_who_may_not_use_the_administration_logs_in_and_out_here(client: Client) -> None:
    User.objects.create_user("ann@example.com", "correct horse")

    assert (
        client.post("/accounts/login/", {"login": "ann@example.com", "password": "wrong"}).status_code == 200
    )
    answer = client.post("/accounts/login/", {"login": "Ann@example.com", "password": "correct horse"})
    assert answer.headers["Location"] == "/"
    assert ">Admin</a>" not in client.get("/").content.decode()
    assert client.post("/accounts/logout/").headers["Location"] == "/accounts/login/"

    assert client.get("/").status_code == 302


@pytest.mark.parametrize("path", PAGES)
def test_a_warm_page_reads_the_user_and_nothing_else(client: Client, user: User, path: str) -> None:
    PovFactory(owner=user)
    TrrFactory(assessor=user)
    client.force_login(user)
    assert tables(client, path) > {"users"}

    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200

    assert len(queries) == 1
    assert 'FROM "users"' in queries[0]["sql"]


def test_the_home_page_tells_who_one_is_and_how_much_there_is(page: Any, user: User) -> None:
    PovFactory.create_batch(2, owner=user, status="active")
    TrrFactory(pov__owner=user, status="open")
    TrrFactory(assessor=user, status="closed")
    PovFactory(status="active")

    home = page("/")

    assert "ann@example.com" in home
    assert number(home, "Active POVs") == 2
    assert number(home, "Open TRRs") == 1


def test_a_change_by_the_orm_shows_at_once(page: Any, user: User) -> None:
    pov = PovFactory(owner=user, title="Before")
    trr = TrrFactory(pov=pov, title="Risk before")
    assert "Before" in page("/povs/")
    assert "Risk before" in page("/trrs/")
    assert "Before" in page("/trrs/")
    assert "Risk before" in page("/")

    pov.title = "After"
    pov.save()
    trr.title = "Risk after"
    trr.save()
    PovFactory(owner=user, status="active")
    user.first_name = "Annabel"
    user.save()

    assert "After" in page("/povs/")
    assert "Risk after" in page("/trrs/")
    assert "Risk after" in page("/")
    assert number(page("/"), "Active POVs") == 1
    assert "Annabel" in page("/")
    trr.delete()
    pov.delete()
    assert "After" not in page("/povs/") + page("/trrs/")


def test_a_change_shows_when_it_is_committed_and_not_before(page: Any, user: User) -> None:
    pov = PovFactory(owner=user, title="Before")
    page("/povs/")

    pov.title = "Never"
    with transaction.atomic():
        pov.save()
        transaction.set_rollback(True)

    with CaptureQueriesContext(connection) as queries:
        assert "Before" in page("/povs/")
    assert len(queries) == 1


def test_a_change_in_the_administration_shows_at_once(page: Any, user: User, admin_client: Client) -> None:
    pov = PovFactory(owner=user, title="Before")
    page("/povs/")
    form = {"title": "After", "customer": "C", "status": "active", "priority": "low", "currency": "EUR"}
    form |= {"owner": str(user.pk), "created_at_0": "2026-05-01", "created_at_1": "10:00:00"}

    assert admin_client.post(reverse("admin:cortex_pov_change", args=[pov.pk]), form).status_code == 302

    assert "After" in page("/povs/")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_import_shows_at_once(page: Any, user: User, tmp_path: Path, settings: Any, workers: int) -> None:
    settings.IMPORTER = {"SOURCE_ROOTS": [str(tmp_path)], "SPOOL_DIR": str(tmp_path / "spool")}
    PovFactory(owner=user, legacy_id=7, title="Before")
    page("/povs/")
    page("/")
    file = tmp_path / "povs.csv"
    file.write_text(
        "POV_ID,POV_TITLE,CUST_NM,INDUSTRY,STATUS_CD,PRIO_CD,OWNER_EMAIL,START_DT,END_DT,DEAL_AMT,DEAL_CCY,"
        "SUCCESS_TXT,CREATED_TS\n"
        "7,After,Acme,,ACTIVE,LOW,ann@example.com,,,,EUR,,05/01/2026 10:00:00\n"
        "8,Imported,Acme,,ACTIVE,LOW,ann@example.com,,,,EUR,,05/01/2026 10:00:00\n"
    )

    result = run_import(create_job("povs", str(file)), workers=workers)

    assert result.status == "completed"
    shown = page("/povs/")
    assert "After" in shown
    assert "Imported" in shown
    assert number(page("/"), "Active POVs") == 2


def test_what_tells_nobody_shows_after_refresh(page: Any, user: User) -> None:
    PovFactory(owner=user, title="Before")
    page("/povs/")

    Pov.objects.update(title="After")
    assert "Before" in page("/povs/")
    refresh(Pov)

    assert "After" in page("/povs/")


def test_a_login_does_not_make_the_caches_cold(client: Client, user: User) -> None:
    client.force_login(user)
    for path in PAGES:
        client.get(path)

    client.force_login(user)

    with CaptureQueriesContext(connection) as queries:
        for path in PAGES:
            client.get(path)
    assert len(queries) == len(PAGES)


def test_nobody_sees_the_rows_of_others(user: User) -> None:
    other, boss, clerk = (
        UserFactory(),
        UserFactory(is_staff=True, is_superuser=True),
        UserFactory(is_staff=True),
    )
    manager = UserFactory(is_staff=True)
    manager.user_permissions.add(Permission.objects.get(codename="view_pov"))
    PovFactory(owner=user, title="Mine")
    PovFactory(owner=other, title="Theirs")

    def seen(viewer: User) -> set[str]:
        client = Client()
        client.force_login(viewer)
        text = client.get("/povs/").content.decode()
        return {title for title in ("Mine", "Theirs") if title in text}

    for _ in range(2):  # cold, then warm
        assert seen(boss) == {"Mine", "Theirs"}
        assert seen(user) == {"Mine"}
        assert seen(other) == {"Theirs"}
        assert seen(clerk) == set()
        assert seen(manager) == {"Mine", "Theirs"}


@pytest.mark.parametrize("query", [
    {"after": "0"}, {"after": "-1"}, {"after": "x"}, {"before": "9" * 40}, {"after": "²"}, {"sort": "password"},
    {"status": "nonsense"}, {"status": "x" * 500, "after": "\0"}, {"q": "\0"}, {"due": "never"}, {"mine": "1"},
])  # fmt: skip
def test_what_is_asked_for_in_vain_adds_no_keys(page: Any, user: User, query: dict[str, str]) -> None:
    PovFactory(owner=user, title="The only one")
    page("/povs/")
    cache: Any = caches["lists"]
    before = set(cache.redis.scan_iter(match="lists:1:povs:*"))

    assert "The only one" in page("/povs/", **query)

    assert set(cache.redis.scan_iter(match="lists:1:povs:*")) == before


def test_without_redis_changes_show_too(settings: Any, client: Client, user: User) -> None:
    local = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {alias: {"BACKEND": local, "LOCATION": alias} for alias in settings.CACHES}
    client.force_login(user)
    pov = PovFactory(owner=user, title="Before", status="active")
    assert "Before" in client.get("/povs/").content.decode()
    assert number(client.get("/").content.decode(), "Active POVs") == 1

    pov.title = "After"
    pov.save()
    user.first_name = "Annabel"
    user.save()
    Trr.objects.create(pov=pov, title="Risk", category="data")

    assert "After" in client.get("/povs/").content.decode()
    home = client.get("/").content.decode()
    assert "Annabel" in home
    assert number(home, "Open TRRs") == 1


def test_the_hint_on_the_page_of_devices_leads_to_the_page_it_speaks_of(page: Any, user: User) -> None:
    link = f'<a href="{reverse("account_change_password")}">change your password</a>'

    assert link in page("/devices/")
