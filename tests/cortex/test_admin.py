import datetime as dt
import re

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cortex.models import User
from tests.cortex.factories import PovFactory, TrrFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def records() -> dict[str, int]:
    trr = TrrFactory(assessor=UserFactory())
    return {"user": trr.assessor.pk, "pov": trr.pov.pk, "trr": trr.pk}


@pytest.mark.parametrize("model", ["user", "pov", "trr"])
def test_every_page_of_a_model_loads(admin_client: Client, records: dict[str, int], model: str) -> None:
    pages = [
        reverse(f"admin:cortex_{model}_changelist") + "?q=acme",
        reverse(f"admin:cortex_{model}_add"),
        reverse(f"admin:cortex_{model}_change", args=[records[model]]),
        reverse(f"admin:cortex_{model}_history", args=[records[model]]),
    ]

    assert [admin_client.get(page).status_code for page in pages] == [200] * len(pages)


def test_a_list_needs_the_same_queries_for_more_rows(admin_client: Client) -> None:
    page = reverse("admin:cortex_trr_changelist")
    TrrFactory(assessor=UserFactory())
    with CaptureQueriesContext(connection) as few:
        admin_client.get(page)
    for _ in range(5):
        TrrFactory(assessor=UserFactory())

    with CaptureQueriesContext(connection) as many:
        admin_client.get(page)

    assert len(many) == len(few)


def test_a_user_is_added_by_email(admin_client: Client) -> None:
    answer = admin_client.post(
        reverse("admin:cortex_user_add"),
        {
            "email": "New@Example.com",
            "role": "manager",
            "usable_password": "true",
            "password1": "long and unusual",
            "password2": "long and unusual",
        },
    )

    assert answer.status_code == 302
    assert User.objects.get(email="new@example.com").role == "manager"


def test_a_contradiction_is_told_in_the_form(admin_client: Client) -> None:
    pov = PovFactory()

    form = {"title": "T", "customer": "C", "status": "active", "priority": "low", "currency": "EUR"}
    form |= {"start_date": "2026-05-02", "end_date": "2026-05-01", "owner": str(pov.owner.pk)}
    form |= {"created_at_0": "2026-05-01", "created_at_1": "10:00:00"}

    answer = admin_client.post(reverse("admin:cortex_pov_change", args=[pov.pk]), form)

    assert "A POV cannot end before it starts." in answer.content.decode()


def test_the_index_begins_with_the_products(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:index")).content.decode()

    headings = re.findall(r'class="section"[^>]*>\s*([^<]+?)\s*</a>', page)
    assert headings == [
        "POVs and TRRs", "Importing", "Tracking", "Analytics", "People and sign-on", "Background tasks",
    ]  # fmt: skip
    assert "Procrastinate" not in page
    assert "Social accounts" not in page
    assert page.index("Background tasks") < page.index(
        reverse("admin:procrastinate_procrastinatejob_changelist")
    )
    assert page.index("People and sign-on") < page.index(reverse("admin:cortex_user_changelist"))


def test_the_index_shows_what_one_may_see(client: Client) -> None:
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_socialaccount"))
    client.force_login(clerk)

    page = client.get(reverse("admin:index")).content.decode()

    assert re.findall(r'class="section"[^>]*>\s*([^<]+?)\s*</a>', page) == ["People and sign-on"]
    assert client.get(reverse("admin:app_list", args=["socialaccount"])).status_code == 200


def test_the_index_leads_those_who_may_to_the_start_page_of_imports(client: Client) -> None:
    link = f'<a href="{reverse("admin:importer_import_start")}">Import a file</a>'
    may_import = {"add_dataimportjob", "add_pov", "change_pov"}
    for rights, is_shown in ((may_import, True), ({"view_dataimportjob"}, False)):
        clerk = UserFactory(is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client.force_login(clerk)

        page = client.get(reverse("admin:index")).content.decode()

        assert page.count(link) == is_shown
        assert page.count(reverse("admin:importer_dataimportjob_changelist")) > 0


def test_the_admin_writes_moments_as_the_rest_of_the_site_does(admin_client: Client) -> None:
    UserFactory(created_at=dt.datetime(2026, 12, 1, 18, 24, tzinfo=dt.UTC))

    page = admin_client.get(reverse("admin:cortex_user_changelist")).content.decode()

    assert "1 Dec 2026, 18:24<" in page
