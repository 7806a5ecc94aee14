"""Undo in the browser: what would go and stay is shown first, and nobody deletes what they may not."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from cortex.models import User
from importer.browser.job import undo
from importer.models import DataImportJob, MigrationLog
from tests.cortex.factories import UserFactory
from tests.importer.browser.conftest import Staff, at, text_of
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
COMPANIES = "code,name\n" + "".join(f"C{n},Company {n}\n" for n in range(6))
RIGHTS = ("view_dataimportjob", "change_dataimportjob", "view_company", "delete_company")


@pytest.fixture
def job(importing: Importing) -> DataImportJob:
    done, result = importing("companies", COMPANIES)
    assert result.inserted == 6
    return done


def contact_of(code: str) -> Contact:
    company = Company.objects.get(code=code)
    return Contact.objects.create(legacy_id=1, email="one@example.com", company=company)


def test_a_preview_changes_nothing(admin: Client, job: DataImportJob) -> None:
    Company.objects.filter(code="C1").update(name="Changed by hand")

    text = text_of(admin.get(at("undo", job)))

    assert "5 companys will be deleted" in text
    assert "1 row will stay as they are: they were changed or deleted since." in text
    assert Company.objects.count() == 6
    assert not MigrationLog.objects.filter(job=job, event="undone").exists()


def test_an_undo_is_told_in_the_story(admin: Client, job: DataImportJob) -> None:
    text = text_of(admin.post(at("undo", job), follow=True))

    assert "Undone: 6 companys deleted." in text
    assert "Undone: 6 rows were deleted." in text
    assert "ann@example.com undid it." in text
    assert "The job was undone: 6 rows deleted." in text
    assert "Undo" not in text.partition("im-actions")[2].partition("</div>")[0]
    assert not Company.objects.exists()


def test_what_others_made_goes_only_if_that_is_wished(admin: Client, job: DataImportJob) -> None:
    contact_of("C3")

    preview = text_of(admin.get(at("undo", job)))
    first = text_of(admin.post(at("undo", job), follow=True))
    left = Company.objects.count(), Contact.objects.count()
    second = text_of(admin.post(at("undo", job), {"with_related": "yes"}, follow=True))

    assert (
        "Also delete what others made to depend on them: 1 contacts; then 1 more companys go too" in preview
    )
    assert "1 contact of others depends on it" in first
    assert left == (1, 1)
    assert "Undone: 1 companys deleted and 1 contacts of others deleted or changed with them." in second
    assert (Company.objects.count(), Contact.objects.count()) == (0, 0)


def test_nobody_deletes_with_an_undo_what_they_may_not_delete(job: DataImportJob, staff: Staff) -> None:
    contact_of("C3")
    clerk = staff(*RIGHTS)

    text = text_of(clerk.post(at("undo", job), {"with_related": "yes"}, follow=True))

    assert "1 contact depends on it, which you may not delete" in text
    assert (Company.objects.count(), Contact.objects.count()) == (1, 1)


@pytest.mark.parametrize("right", ["change_dataimportjob", "delete_company"])
def test_who_lacks_a_right_undoes_nothing(job: DataImportJob, staff: Staff, right: str) -> None:
    clerk = staff(*set(RIGHTS) - {right})

    shown, posted = clerk.get(at("undo", job)), clerk.post(at("undo", job))

    assert (shown.status_code, posted.status_code) == (403, 403)
    assert Company.objects.count() == 6
    assert at("undo", job) not in text_of(clerk.get(at("story", job)))


def test_an_undo_that_takes_longer_than_a_page_may_goes_on(
    admin: Client, job: DataImportJob, settings: Any, no_worker: None
) -> None:
    settings.IMPORTER |= {"INLINE_SECONDS": 1e-9}
    text = text_of(admin.post(at("undo", job), follow=True))
    left = Company.objects.count()
    settings.IMPORTER |= {"INLINE_SECONDS": 20}
    again = text_of(admin.post(at("undo", job), follow=True))

    assert "Press Undo again to go on with the others." in text
    assert left == 6
    assert "Undone: 6 companys deleted." in again


def test_a_large_undo_is_refused_plainly_where_no_worker_runs(
    admin: Client, job: DataImportJob, monkeypatch: pytest.MonkeyPatch, no_worker: None
) -> None:
    monkeypatch.setattr(undo, "MOST_AT_ONCE", 5)

    shown = text_of(admin.get(at("undo", job)))
    posted = text_of(admin.post(at("undo", job), follow=True))

    assert "no worker is running" in shown
    assert "6 rows of companys that nobody has changed since" in shown
    assert ">Undo</button>" not in shown
    assert "no worker is running" in posted
    assert Company.objects.count() == 6


def clerk_with(*rights: str) -> tuple[User, Client]:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return user, client


@pytest.mark.parametrize("keeps_rights", [True, False])
def test_a_large_undo_is_done_by_a_worker(
    job: DataImportJob, monkeypatch: pytest.MonkeyPatch, worker: None, keeps_rights: bool
) -> None:
    monkeypatch.setattr(undo, "MOST_AT_ONCE", 5)
    user, clerk = clerk_with(*RIGHTS)

    text = text_of(clerk.post(at("undo", job), follow=True))
    again = text_of(clerk.post(at("undo", job), follow=True))
    if not keeps_rights:
        user.user_permissions.remove(Permission.objects.get(codename="delete_company"))
    call_command("procrastinate", "worker", "--one-shot", "--queues", "imports")

    story = text_of(clerk.get(at("story", job)))
    assert "A worker undoes the job." in text
    assert "The undo waits for a worker." in text
    assert "about to be undone" in again
    assert ProcrastinateJob.objects.filter(task_name="importer.tasks.undo_in_background").count() == 1
    assert Company.objects.count() == (0 if keeps_rights else 6)
    assert ("Undone: 6 rows were deleted." in story) == keeps_rights
    refusals = MigrationLog.objects.filter(job=job, event="refused", reason__contains="may no longer undo")
    assert refusals.exists() != keeps_rights


def test_a_job_that_was_not_run_has_nothing_to_undo(admin: Client) -> None:
    job = DataImportJob.objects.create(spec="companies", source="x.csv", format="csv")

    assert "there is nothing to undo" in text_of(admin.get(at("undo", job), follow=True))
