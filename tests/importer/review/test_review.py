"""A job that needs approval writes nothing until a second person has approved exactly what will run."""

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from cortex.models import User
from importer import Column, ModelImport, run_import
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from importer.privacy.erase import erase_user
from importer.review import ApprovalRefused, approval_of, approve, decline, may_approve
from importer.specs.registry import temporarily
from importer.work.control import Control
from tests.cortex.factories import UserFactory
from tests.importer.samples.crm.models import Contact
from tests.importer.ways import sizes

pytestmark = pytest.mark.django_db(transaction=True)
RIGHTS = ("approve_dataimportjob", "add_contact", "view_contact")
TEXT = "legacy_id,email\n" + "".join(f"{n},c{n}@example.com\n" for n in range(1, 30)) + "30,nobody\n"


def spec(declared: dict[str, Any] | None = None, **meta: Any) -> type[ModelImport]:
    options = {"model": Contact, "name": "reviewed", "key": ("legacy_id",), **meta}
    return type("Reviewed", (ModelImport,), {"Meta": type("Meta", (), options), **(declared or {})})


def person(*rights: str) -> User:
    user: User = UserFactory(is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def clerk(db: None) -> User:
    return person(*RIGHTS)


@pytest.fixture
def reviewer(db: None) -> User:
    return person(*RIGHTS)


@pytest.fixture
def job(folder: Path, clerk: User) -> Any:
    (folder / "source.csv").write_text(TEXT)
    with temporarily(spec()):
        yield create_job("reviewed", str(folder / "source.csv"), created_by=clerk, review=True)


def run(job: DataImportJob, **options: Any) -> Any:
    result = run_import(job.pk, executor="inline", **options)
    job.refresh_from_db()
    return result


def rows_of_ledger() -> int:
    return ImportChunk.objects.count() + StagingRecord.objects.count() + Contact.objects.count()


def test_the_first_run_writes_nothing_and_says_what_it_would_do(job: DataImportJob) -> None:
    result = run(job)

    assert (result.status, result.inserted, result.rejected) == ("awaiting_approval", 29, 1)
    assert rows_of_ledger() == 0
    found = approval_of(job)
    assert found.state == "waiting"
    assert found.proposal is not None
    assert found.proposal["figures"]["inserted"] == 29
    assert len(found.proposal["sample"]["inserted"]) == 5
    assert found.proposal["rejects"][0]["examples"][0]["place"] == "line 31"
    assert run(job).inserted == 29
    assert MigrationLog.objects.filter(job=job, event="proposed").count() == 1


def test_once_approved_the_same_command_runs_it(job: DataImportJob, reviewer: User) -> None:
    run(job)
    approve(job, reviewer, token=job.proposal["token"])

    result = run(job)

    assert (result.status, Contact.objects.count()) == ("completed", 29)
    found = approval_of(job)
    assert (found.state, found.by) == ("approved", reviewer.get_username())
    assert "c1@example.com" not in str(job.proposal)
    assert list(MigrationLog.objects.filter(job=job).order_by("id").values_list("event", flat=True)[:3]) == [
        "created", "proposed", "approved"
    ]  # fmt: skip


def test_a_declined_job_has_failed_and_may_be_proposed_again(job: DataImportJob, reviewer: User) -> None:
    run(job)
    decline(job, reviewer, "the wrong year")

    assert (job.status, approval_of(job).state) == ("failed", "declined")
    assert job.error == f"Declined by {reviewer.get_username()}: the wrong year"
    assert run(job).status == "awaiting_approval"
    assert Contact.objects.count() == 0


def test_only_a_second_person_with_all_rights_may_decide(job: DataImportJob, clerk: User) -> None:
    run(job)
    others = {
        "who created it": clerk,
        "who may not approve": person("add_contact", "view_contact"),
        "who may not import": person("approve_dataimportjob", "view_contact"),
        "who may not see it": person("approve_dataimportjob", "add_contact"),
    }

    for who, user in others.items():
        assert not may_approve(user, job), who
        with pytest.raises(ApprovalRefused):
            approve(job, user)
    job.refresh_from_db()
    assert job.status == "awaiting_approval"


def test_a_superuser_may_not_approve_their_own_job(folder: Path) -> None:
    boss = UserFactory(is_staff=True, is_superuser=True)
    job = DataImportJob(spec="contacts", created_by=boss, needs_approval=True)

    assert not may_approve(boss, job)


@pytest.mark.parametrize("change", ["rights", "account", "source", "mapping"])
def test_what_changed_after_the_approval_is_refused_in_one_line(
    job: DataImportJob, reviewer: User, folder: Path, change: str
) -> None:
    run(job)
    approve(job, reviewer)
    other = spec()
    if change == "rights":
        reviewer.user_permissions.clear()
    elif change == "account":
        reviewer.delete()
    elif change == "source":
        (folder / "source.csv").write_text(TEXT.replace("c1@", "d1@"))
    else:
        other = spec({"email": Column("email", transform=str.lower)})

    with temporarily(other):
        refused = run(job)

        assert (refused.status, Contact.objects.count()) == ("failed", 0)
        assert "asks for approval again" in refused.reason
        assert "\n" not in refused.reason
        assert run(job).status == "awaiting_approval"


def test_of_two_approvals_at_once_one_counts(job: DataImportJob) -> None:
    run(job)
    people = [person(*RIGHTS) for _ in range(4)]
    barrier, outcomes = threading.Barrier(4), list[str]()

    def decide(number: int) -> None:
        mine = DataImportJob.objects.get(pk=job.pk)
        barrier.wait()
        act: Callable[[], None] = (
            (lambda: approve(mine, people[number]))
            if number % 2
            else (lambda: decline(mine, people[number], "no"))
        )
        try:
            act()
            outcomes.append("done")
        except ApprovalRefused as refusal:
            outcomes.append(str(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("done") == 1, outcomes
    assert MigrationLog.objects.filter(job=job, event__in=("approved", "declined")).count() == 1


def test_figures_that_were_seen_before_a_new_proposal_are_not_approved(
    job: DataImportJob, reviewer: User
) -> None:
    run(job)
    seen = job.proposal["token"]
    decline(job, reviewer, "once more")
    run(job)

    with pytest.raises(ApprovalRefused, match="look at the new figures"):
        approve(job, reviewer, token=seen)


def test_a_run_that_was_interrupted_needs_no_second_approval(
    job: DataImportJob, reviewer: User, settings: Any
) -> None:
    sizes(settings, 5)
    run(job)
    approve(job, reviewer)
    control = Control()
    stopped = run(job, control=control, on_progress=lambda progress: control.stop())
    reviewer.user_permissions.clear()

    # As if it had been killed: the status still says that it runs.
    DataImportJob.objects.filter(pk=job.pk).update(status="running", deaths=F("deaths"))
    resumed = run(job)

    assert 0 < stopped.read < 30
    assert (resumed.status, Contact.objects.count()) == ("completed", 29)


def test_a_dry_run_that_fails_fails_the_job(job: DataImportJob) -> None:
    result = run(job, max_errors=0)

    assert (result.status, job.status, job.error) == ("failed", "failed", result.reason)
    assert rows_of_ledger() == 0


def test_who_asks_for_a_review(folder: Path, clerk: User, settings: Any) -> None:
    source = folder / "source.csv"
    source.write_text(TEXT)

    def needs(created_by: Any = None, **options: Any) -> bool:
        with temporarily(spec(**options.pop("meta", {}))):
            return create_job("reviewed", str(source), created_by=created_by, **options).needs_approval

    assert (needs(), needs(clerk), needs(review=True), needs(meta={"review": True})) == (
        False,
        False,
        True,
        True,
    )
    settings.IMPORTER |= {"REVIEW": True}
    assert (needs(), needs(clerk), needs(clerk, review=False)) == (False, True, False)


def test_erasing_a_person_erases_them_from_what_waits(job: DataImportJob) -> None:
    run(job)
    named = UserFactory(email="c1@example.com")

    erase_user(named)

    job.refresh_from_db()
    assert "c1@example.com" not in str(job.proposal)
    assert "c2@example.com" in str(job.proposal)


def test_the_commands(folder: Path, clerk: User, reviewer: User) -> None:
    source = folder / "source.csv"
    source.write_text(TEXT)
    out = io.StringIO()
    with temporarily(spec()):
        call_command("create_import", "reviewed", str(source), "--review", stdout=out)
        number = out.getvalue().strip()

        with pytest.raises(CommandError) as waits:
            call_command("run_import", number, "--executor", "inline", stdout=out)
        with pytest.raises(CommandError) as unknown:
            call_command("approve_import", number, "--by", "nobody-of-that-name")
        with pytest.raises(CommandError) as forbidden:
            call_command("approve_import", number, "--by", person("add_contact").get_username())
        call_command("approve_import", number, "--by", reviewer.get_username(), stdout=out)
        with pytest.raises(CommandError) as twice:
            call_command("approve_import", number, "--by", clerk.get_username(), "--decline", "late")
        call_command("run_import", number, "--executor", "inline", stdout=out)

    assert (waits.value.returncode, unknown.value.returncode) == (3, 2)
    assert (forbidden.value.returncode, twice.value.returncode) == (1, 1)
    assert f"it is approved by {reviewer.get_username()}" in str(twice.value)
    assert "29 would be inserted" in out.getvalue()
    assert "29 inserted" in out.getvalue()
