"""The start page of imports, and the button on lists that leads into them."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin import AdminSite
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

from cortex.models import User
from importer import ledger
from importer.admin import DataImportJobAdmin, ImportMixin
from importer.browser import targets
from importer.browser.button import ListWithButton, add_button, add_buttons
from importer.models import DataImportJob
from tests.importer.browser.conftest import Staff, at, text_of
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
START = "admin:importer_import_start"
LIST = "admin:cortex_user_changelist"


def section(text: str, name: str) -> str:
    return text.partition(f'aria-labelledby="im-{name}"')[2].partition("</section>")[0]


def job_of(status: str, **values: Any) -> DataImportJob:
    return DataImportJob.objects.create(
        **{"spec": "companies", "source": "/data/x.csv", "format": "csv", "status": status, "name": status}
        | values
    )


def test_jobs_stand_where_a_person_looks_for_them(admin: Client, importing: Importing) -> None:
    clean, _ = importing("companies", "code,name\nC1,One\n", name="clean.csv")
    rejecting, _ = importing("companies", "code,name\nfar-too-long-a-code,One\n", name="rejecting.csv")
    failed, stopped, new = job_of("failed"), job_of("stopped"), job_of("pending")
    running, lost = job_of("running"), job_of("running", name="lost")
    assert ledger.hold_job(running.pk)
    try:
        text = text_of(admin.get(reverse(START)))
    finally:
        ledger.let_job_go(running.pk)

    found = {name: section(text, name) for name in ("running", "needs", "done")}
    assert [at("story", job) in found["running"] for job in (running, lost)] == [True, False]
    assert all(at("story", job) in found["needs"] for job in (lost, failed, stopped, new, rejecting))
    assert [at("story", job) in found["done"] for job in (clean, rejecting, new)] == [True, False, False]
    assert "0 of 1 record in, 1 rejected" in found["needs"]
    assert "Companys from clean.csv" in found["done"]


def test_jobs_of_others_are_not_listed(staff: Staff, importing: Importing) -> None:
    importing("companies", "code,name\nC1,One\n", name="clean.csv")

    text = text_of(staff("view_dataimportjob", "add_dataimportjob", "add_contact").get(reverse(START)))

    assert "clean.csv" not in text
    assert ">Contacts</a>" in section(text, "begin")
    assert "Companys" not in text


def test_who_may_add_nothing_is_told_so(staff: Staff) -> None:
    assert "Ask for the right to add records." in text_of(staff().get(reverse(START)))


IMPORTERS = "add_dataimportjob", "add_user", "change_user"


def test_the_start_page_is_linked_where_jobs_are_for_those_who_may_import(
    admin: Client, staff: Staff
) -> None:
    button, hint = (
        f'<a href="{reverse(START)}">{words}</a>'
        for words in ("Import…", "Import a file in the browser instead")
    )
    jobs, add = (reverse(f"admin:importer_dataimportjob_{page}") for page in ("changelist", "add"))
    change = reverse("admin:importer_dataimportjob_change", args=[job_of("failed").pk])
    may, may_not = staff("view_dataimportjob", *IMPORTERS), staff("view_dataimportjob", "add_dataimportjob")

    assert [button in text_of(client.get(jobs)) for client in (admin, may, may_not)] == [True, True, False]
    assert [hint in text_of(admin.get(page)) for page in (add, change)] == [True, False]
    assert hint in text_of(may.get(add))


def test_the_list_of_a_model_with_a_spec_has_a_button(admin: Client, staff: Staff) -> None:
    rights = "view_user", "add_user", "change_user", "add_dataimportjob"
    clients = admin, staff(*rights), staff(*rights[:3]), staff("view_user", "add_dataimportjob")

    shown = [">Import…</a>" in text_of(client.get(reverse(LIST))) for client in clients]

    assert shown == [True, True, False, False]
    assert ">Import…</a>" not in text_of(admin.get(reverse("admin:auth_group_changelist")))
    assert ">Import…</a>" not in text_of(admin.get(f"{reverse(LIST)}?_popup=1"))


def test_the_button_costs_a_list_no_query(admin: Client) -> None:
    admin.get(reverse(LIST))  # content types and the like are remembered
    with CaptureQueriesContext(connection) as with_button:
        admin.get(reverse(LIST))
    model_admin = django_admin.site.get_model_admin(User)
    template, model_admin.change_list_template = model_admin.change_list_template, None
    try:
        with CaptureQueriesContext(connection) as without:
            admin.get(reverse(LIST))
    finally:
        model_admin.change_list_template = template

    assert len(with_button) == len(without)


@pytest.fixture
def site() -> Iterator[AdminSite]:
    before = set(targets._offered)
    yield AdminSite(name="admin")
    targets._offered.clear()
    targets._offered.update(before)


def rendered(site: AdminSite, model: Any, client: Client, settings: Any) -> str:
    """Return the list as a site shows it that has this admin."""
    site.register(DataImportJob, DataImportJobAdmin)
    urls = ModuleType("urls_of_another_site")
    urls.urlpatterns = [path("admin/", site.urls)]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls
    return text_of(client.get(reverse(f"admin:crm_{model._meta.model_name}_changelist")))


def test_a_mixin_adds_the_button_and_the_model(site: AdminSite, admin: Client, settings: Any) -> None:
    class ContactAdmin(ImportMixin, django_admin.ModelAdmin):
        pass

    site.register(Contact, ContactAdmin)

    assert ">Import…</a>" in rendered(site, Contact, admin, settings)
    assert Contact in targets.models_offered()


def test_a_template_of_the_site_keeps_what_it_adds(
    site: AdminSite, admin: Client, tmp_path: Path, settings: Any
) -> None:
    (tmp_path / "theirs.html").write_text(
        '{% extends "admin/change_list.html" %}'
        "{% block object-tools-items %}<li>Their own</li>{{ block.super }}{% endblock %}"
    )
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [str(tmp_path)]}]

    class CompanyAdmin(django_admin.ModelAdmin):
        change_list_template = "theirs.html"

    site.register(Company, CompanyAdmin)
    add_buttons(site, [Company, Contact])  # the site does not have the other one
    add_buttons(site, [Company])  # URLs are built more than once

    page = rendered(site, Company, admin, settings)
    assert page.index("Their own") < page.index("Import…")
    assert page.count("Import…") == 1


def test_a_template_that_cannot_be_set_stays(site: AdminSite) -> None:
    class CompanyAdmin(django_admin.ModelAdmin):
        @property
        def change_list_template(self) -> str:
            return "admin/change_list.html"

    site.register(Company, CompanyAdmin)
    add_button(site.get_model_admin(Company))

    assert not isinstance(site.get_model_admin(Company).change_list_template, ListWithButton)


def test_the_button_can_be_switched_off(settings: Any) -> None:
    settings.IMPORTER = {"ADMIN_BUTTON": False}
    site = AdminSite(name="other")
    for model, model_admin in django_admin.site._registry.items():
        site.register(model, type(model_admin))

    site.get_urls()

    assert site.get_model_admin(User).change_list_template is None
