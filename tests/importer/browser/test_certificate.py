"""The certificate of an import, and the page on which a second person approves one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from cortex.models import User
from importer import run_import
from importer.jobs import create_job
from importer.models import DataImportJob, MigrationLog
from importer.review import approve
from importer.specs.registry import temporarily
from tests.analytics.browser.conftest import PASSWORD, Visitor, visit
from tests.cortex.axe import violations
from tests.importer.review.test_review import TEXT, spec
from tests.importer.samples.crm.models import Contact

__all__ = ["visit"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
RIGHTS = {
    "owner": ("view_contact", "add_contact", "change_contact", "approve_dataimportjob", "read_source"),
    "reviewer": ("view_contact", "add_contact", "change_contact", "approve_dataimportjob", "read_source"),
    "blind": ("view_contact", "add_contact", "change_contact", "approve_dataimportjob"),
    "viewer": ("view_contact", "read_source"),
    "stranger": ("approve_dataimportjob", "read_source"),
}


@pytest.fixture
def people(transactional_db: None) -> dict[str, User]:
    users = {}
    for name, rights in RIGHTS.items():
        users[name] = User.objects.create_user(f"{name}@example.com", PASSWORD, is_staff=True)
        users[name].user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return users


@pytest.fixture
def job(folder: Path, people: dict[str, User]) -> Iterator[DataImportJob]:
    """A job that waits: it would insert most of its records, and change two."""
    (folder / "contacts.csv").write_text(TEXT)
    Contact.objects.create(legacy_id=1, email="before@example.com")
    Contact.objects.create(legacy_id=2, email="old@example.com")
    with temporarily(spec(on_conflict="update")):
        made = create_job("reviewed", str(folder / "contacts.csv"), created_by=people["owner"], review=True)
        run_import(made, executor="inline")
        made.refresh_from_db()
        yield made


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(page: str, job: DataImportJob) -> str:
    return reverse(f"admin:importer_import_{page}", args=[job.pk])


def completed(job: DataImportJob, people: dict[str, User]) -> DataImportJob:
    approve(job, people["reviewer"])
    run_import(job.pk, executor="inline")
    job.refresh_from_db()
    return job


def test_who_sees_what_is_to_be_approved(job: DataImportJob, people: dict[str, User]) -> None:
    answers = {name: client_of(user).get(address("approve", job)) for name, user in people.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(RIGHTS, 200) | {
        "stranger": 404
    }
    texts = {name: answer.content.decode() for name, answer in answers.items()}
    decides = {name for name, text in texts.items() if "Approve and run" in text}
    reads = {name for name, text in texts.items() if "c3@example.com" in text}
    assert decides == {"reviewer", "blind"}
    assert reads == {"owner", "reviewer", "viewer"}
    assert "another person must approve it" in texts["owner"]


@pytest.mark.parametrize("name", ["owner", "viewer", "stranger"])
def test_nobody_else_decides_by_address(job: DataImportJob, people: dict[str, User], name: str) -> None:
    for sent in ({"approve": ""}, {"decline": "", "reason": "x"}):
        answer = client_of(people[name]).post(
            address("approve", job), sent | {"token": job.proposal["token"]}
        )

        assert answer.status_code == (404 if name == "stranger" else 302)
    job.refresh_from_db()
    assert job.status == "awaiting_approval"


def test_a_stale_page_approves_nothing(job: DataImportJob, people: dict[str, User]) -> None:
    client = client_of(people["reviewer"])

    for token in ("", "0" * 32):
        told = client.post(address("approve", job), {"approve": "", "token": token}, follow=True)
        assert "look at the new figures" in told.content.decode()
    no_reason = client.post(
        address("approve", job), {"decline": "", "reason": " ", "token": job.proposal["token"]}, follow=True
    )

    assert "Say why the import is declined." in no_reason.content.decode()
    job.refresh_from_db()
    assert job.status == "awaiting_approval"


def test_an_approved_job_is_queued_for_who_created_it(job: DataImportJob, people: dict[str, User]) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    sent = {"approve": "", "token": job.proposal["token"]}
    told = client_of(people["reviewer"]).post(address("approve", job), sent, follow=True)

    assert "Approved. It is queued for the workers." in told.content.decode()
    task = ProcrastinateJob.objects.get(task_name="importer.tasks.run_in_background")
    assert task.args == {"job_id": job.pk, "user_id": str(people["owner"].pk)}


def test_the_certificate_says_plainly_whether_it_was_verified(
    job: DataImportJob, people: dict[str, User]
) -> None:
    client = client_of(people["reviewer"])
    before = client.get(address("certificate", completed(job, people))).content.decode()

    after = client.post(address("certificate", job), follow=True).content.decode()
    Contact.objects.filter(legacy_id=3).update(email="x@example.com")
    changed = client.post(address("certificate", job), follow=True).content.decode()

    assert "was never verified" in before
    assert job.source_hash in before
    assert "30 read = 27 inserted + 2 updated + 0 unchanged + 0 skipped + 1 rejected" in before
    assert "approved by reviewer@example.com" in before
    assert "Signed off" in after
    assert "29 of 29 records" in after
    assert "Not signed off" in changed
    assert "Records whose row was changed since the import: 1" in changed
    assert "changed since" in changed
    assert "x@example.com" not in changed
    entries = MigrationLog.objects.filter(job=job, event="verified")
    assert {entry.details["by"] for entry in entries} == {"reviewer@example.com"}


def test_the_certificate_is_for_those_who_may_read_the_source(
    job: DataImportJob, people: dict[str, User]
) -> None:
    completed(job, people)

    statuses = {
        name: (
            client_of(user).get(address("certificate", job)).status_code,
            client_of(user).post(address("certificate", job)).status_code,
        )
        for name, user in people.items()
    }

    assert statuses == dict.fromkeys(RIGHTS, (200, 302)) | dict.fromkeys(("blind", "stranger"), (404, 404))


def test_what_cannot_be_verified_is_told_on_the_page(
    job: DataImportJob, people: dict[str, User], folder: Path
) -> None:
    completed(job, people)
    (folder / "contacts.csv").write_text("legacy_id,email\n")

    told = client_of(people["reviewer"]).post(address("certificate", job), follow=True).content.decode()

    assert "changed since job" in told
    assert "was never verified" in told


def test_a_large_job_is_left_to_a_worker_who_asks_for_the_rights_again(
    job: DataImportJob, people: dict[str, User]
) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    from importer.tasks import verify_in_background

    completed(job, people)
    DataImportJob.objects.filter(pk=job.pk).update(read=1_000_000)

    told = client_of(people["reviewer"]).post(address("certificate", job), follow=True).content.decode()
    task = ProcrastinateJob.objects.get(task_name="importer.tasks.verify_in_background")
    verify_in_background(**task.args)
    people["reviewer"].user_permissions.clear()
    verify_in_background(**task.args)

    assert "A worker verifies it" in told
    events = MigrationLog.objects.filter(job=job, event__in=("verified", "refused")).order_by("id")
    assert list(events.values_list("event", flat=True)) == ["verified", "refused"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_pages_are_fit_for_a_screen_reader_a_phone_and_without_scripts(
    visit: Callable[..., Visitor], job: DataImportJob, people: dict[str, User], scheme: str
) -> None:
    visitor = visit(color_scheme=scheme, viewport={"width": 390, "height": 844})
    page = visitor.log_in(people["reviewer"], address("approve", job))
    page.get_by_role("heading", name="What it would do").wait_for()
    found: dict[str, Any] = {"approve": problems(visitor)}
    visitor.take_picture(f"approve-{scheme}")
    page.set_viewport_size({"width": 1440, "height": 900})
    found["approve, wide"] = problems(visitor)
    visitor.take_picture(f"approve-wide-{scheme}")

    completed(job, people)
    page.goto(f"{visitor.base}{address('certificate', job)}")
    found["never verified"] = problems(visitor)
    page.get_by_role("button", name="Verify now").click()
    page.get_by_text("Verified and signed off.").wait_for()
    for width in (390, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        found[f"certificate {width}"] = problems(visitor)
        visitor.take_picture(f"certificate-{scheme}-{width}")

    assert {name: what for name, what in found.items() if what} == {}


def problems(visitor: Visitor) -> list[str]:
    return [*violations(visitor.page), *(["too wide"] if visitor.is_too_wide() else [])]


def test_the_certificate_is_printed_on_one_page(
    visit: Callable[..., Visitor], job: DataImportJob, people: dict[str, User], tmp_path: Path
) -> None:
    visitor = visit(java_script_enabled=False)
    page = visitor.log_in(people["reviewer"], address("certificate", completed(job, people)))
    page.get_by_role("button", name="Verify now").click()
    page.get_by_text("Signed off").first.wait_for()
    page.emulate_media(media="print")
    visitor.take_picture("certificate-print")

    printed = page.pdf(format="A4", prefer_css_page_size=True)

    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1
