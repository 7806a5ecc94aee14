"""The page of a job: sentences, next steps by state and rights, the history, and the progress."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from importer import ledger
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, LogEvent, MigrationLog
from tests.importer.browser.conftest import Staff, at, text_of
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company

pytestmark = pytest.mark.django_db(transaction=True)
COMPANIES = "code,name\nC1,One\nC2,Two\nfar-too-long-a-code,Three\n"


@pytest.fixture
def job(folder: Path) -> DataImportJob:
    (folder / "companies.csv").write_text(COMPANIES)
    return create_job("companies", str(folder / "companies.csv"))


def test_a_story_begins_with_what_became_of_the_records(admin: Client, importing: Importing) -> None:
    job, _ = importing("companies", COMPANIES)

    text = text_of(admin.get(at("story", job)))

    assert "2 of 3 records are in. 1 was rejected." in text
    assert "<div><dt>inserted</dt><dd>2</dd></div>" in text
    assert "<div><dt>read</dt><dd>3</dd></div>" in text
    assert "Column “code”" in text
    assert "line 4: " in text
    assert "The run was completed. 3 records were read by then, 1 of them rejected." in text
    assert "Download rejects (CSV)" in text


def test_a_reason_that_most_have_is_counted(admin: Client, importing: Importing) -> None:
    many = "".join(f"far-too-long-a-code-{n},x\n" for n in range(3))
    job, _ = importing("companies", f"code,name\nC1,One\n{many}C2\n")

    text = text_of(admin.get(at("story", job)))

    assert "1 of 5 records is in. 4 were rejected, 3 of them for one reason." in text
    assert text.index("Column “code”") < text.index("The whole record")


def test_a_small_job_runs_at_once(admin: Client, job: DataImportJob) -> None:
    before = text_of(admin.get(at("story", job)))
    answer = admin.post(at("run", job), follow=True)

    text = text_of(answer)
    assert "Ready to import companies.csv into companys. Nothing has been written yet." in before
    assert ">Start</button>" in before
    assert "Done. 2 of 3 records are in. 1 was rejected." in text
    assert "ann@example.com started it." in text
    assert Company.objects.count() == 2


def test_a_job_runs_on_a_site_whose_requests_are_transactions(
    admin: Client, job: DataImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)

    text = text_of(admin.post(at("run", job), follow=True))
    undone = text_of(admin.post(at("undo", job), follow=True))

    assert "Done. 2 of 3 records are in." in text
    assert "Undone: 2 companys deleted." in undone


def test_who_presses_start_twice_runs_a_job_once(admin: Client, job: DataImportJob) -> None:
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: post_alone(admin, at("run", job)), range(2)))

    assert answers == [302, 302]
    assert Company.objects.count() == 2
    assert MigrationLog.objects.filter(job=job, event=LogEvent.COMPLETED).count() == 1


def post_alone(client: Client, address: str) -> int:
    """Post as a server's thread does, with connections of its own."""
    another = Client()
    another.cookies = client.cookies
    try:
        return another.post(address).status_code
    finally:
        connections.close_all()


def test_a_job_that_takes_longer_than_a_page_may_goes_on_by_pressing_resume(
    admin: Client, folder: Path, settings: Any
) -> None:
    settings.IMPORTER |= {
        "INLINE_SECONDS": 0.2,
        "BATCH_SIZE_INITIAL": 1,
        "BATCH_SIZE_MIN": 1,
        "BATCH_SIZE_MAX": 1,
    }
    lines = "".join(f"C{n},One\n" for n in range(2_000))
    (folder / "companies.csv").write_text(f"code,name\n{lines}")
    job = create_job("companies", str(folder / "companies.csv"))

    first = text_of(admin.post(at("run", job), follow=True))
    written = Company.objects.count()
    settings.IMPORTER |= {"INLINE_SECONDS": 60, "BATCH_SIZE_INITIAL": 2_000, "BATCH_SIZE_MAX": 10_000}
    second = text_of(admin.post(at("run", job), follow=True))

    assert "press Resume to go on" in first
    assert ">Resume</button>" in first
    assert 0 < written < 2_000
    assert "All 2,000 records are in." in second
    assert "resumed it." in second


@pytest.mark.parametrize("size", [0, 10])
def test_a_large_job_is_refused_plainly_where_no_worker_runs(
    admin: Client, job: DataImportJob, settings: Any, no_worker: None, size: int
) -> None:
    settings.IMPORTER |= {"INLINE_BYTES": size}

    text = text_of(admin.post(at("run", job), follow=True))

    assert "Nothing was started, because no worker is running" in text
    assert "manage.py procrastinate worker" in text
    assert ">Start</button>" in text


def test_a_large_job_is_given_to_a_worker_that_lives(
    admin: Client, job: DataImportJob, settings: Any, worker: None
) -> None:
    settings.IMPORTER |= {"INLINE_BYTES": 0}

    text = text_of(admin.post(at("run", job), follow=True))
    again = text_of(admin.post(at("run", job), follow=True))
    stopped = text_of(admin.post(at("stop", job), follow=True))

    assert "It waits for a worker." in text
    assert "waits for a worker already" in again
    assert "no longer waits" in stopped
    assert ">Start</button>" in stopped


def test_a_completed_job_is_not_run_again(admin: Client, importing: Importing) -> None:
    job, _ = importing("companies", COMPANIES)

    text = text_of(admin.post(at("run", job), follow=True))

    assert "A job runs once" in text
    assert Company.objects.count() == 2


def test_a_job_that_another_process_has_is_running(admin: Client, job: DataImportJob) -> None:
    DataImportJob.objects.filter(pk=job.pk).update(status="running")
    assert ledger.hold_job(job.pk)
    try:
        text = text_of(admin.get(at("story", job)))
        refused = text_of(admin.post(at("run", job), follow=True))
        stopping = text_of(admin.post(at("stop", job), follow=True))
    finally:
        ledger.let_job_go(job.pk)

    assert "It is running." in text
    assert "is running already" in refused
    assert "It will stop after the current batch." in stopping


def test_a_job_whose_process_is_gone_can_be_resumed(admin: Client, job: DataImportJob) -> None:
    DataImportJob.objects.filter(pk=job.pk).update(status="running")

    text = text_of(admin.get(at("story", job)))
    resumed = text_of(admin.post(at("run", job), follow=True))

    assert "Interrupted: the process that ran it is gone." in text
    assert "Done. 2 of 3 records are in." in resumed
    assert "The process of the run before was killed." in resumed


def test_a_run_that_fails_says_why(admin: Client, folder: Path) -> None:
    (folder / "companies.csv").write_text("nothing,that,fits\n1,2,3\n")
    job = create_job("companies", str(folder / "companies.csv"))

    text = text_of(admin.post(at("run", job), follow=True))

    assert "The run failed; the reason is below." in text
    assert "The run failed: " in text
    assert ">Start again</button>" in text


def test_a_source_that_is_gone_starts_nothing(admin: Client, job: DataImportJob, folder: Path) -> None:
    (folder / "companies.csv").unlink()

    text = text_of(admin.post(at("run", job), follow=True))

    assert "Nothing was started: There is no file" in text


def test_progress_is_answered_in_short_where_nothing_has_moved(admin: Client, job: DataImportJob) -> None:
    DataImportJob.objects.filter(pk=job.pk).update(status="running")
    assert ledger.hold_job(job.pk)
    try:
        first = admin.get(at("progress", job))
        second = admin.get(at("progress", job), headers={"if-none-match": first["ETag"]})
    finally:
        ledger.let_job_go(job.pk)
    third = admin.get(at("progress", job), headers={"if-none-match": first["ETag"]})

    assert (first.status_code, first["Phase"]) == (200, "running")
    assert b"0 %" in first.content
    assert (second.status_code, second.content) == (304, b"")
    assert (third.status_code, third["Phase"]) == (200, "lost")


def test_progress_tells_rate_and_time_left(admin: Client, job: DataImportJob) -> None:
    DataImportJob.objects.filter(pk=job.pk).update(status="running", planned_at="2026-01-01T00:00:00Z")
    counts = {"read": 500, "inserted": 500, "committed_offset": 250, "committed_line": 1}
    ImportChunk.objects.create(
        job=job, number=1, start_offset=0, end_offset=1_000, first_line=1, state="running", **counts
    )
    begun = MigrationLog.objects.create(
        job=job, event=LogEvent.EXECUTING, reason="inline, 1 workers", details={"records": 0, "part": 0.0}
    )
    MigrationLog.objects.filter(pk=begun.pk).update(logged_at="2026-01-01T00:00:00Z")
    assert ledger.hold_job(job.pk)
    try:
        text = text_of(admin.get(at("progress", job)))
    finally:
        ledger.let_job_go(job.pk)

    assert "25 %" in text
    assert "500 records read, 0 rejected." in text
    assert "a second, about " in text


def test_rejects_are_downloaded(admin: Client, importing: Importing) -> None:
    job, _ = importing("companies", COMPANIES)

    answer = admin.get(at("rejects", job))

    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert answer["Content-Disposition"] == f'attachment; filename="rejects-{job.pk}.csv"'
    assert lines[0] == "_line,_reasons,code,name,_raw"
    assert lines[1].endswith("far-too-long-a-code,Three,")


PAGES = ("story", "progress", "rejects", "undo")


@pytest.mark.parametrize("page", PAGES)
def test_jobs_of_others_are_not_there(importing: Importing, staff: Staff, page: str) -> None:
    job, _ = importing("companies", COMPANIES)
    client = staff("view_dataimportjob", "change_dataimportjob", "add_contact", "read_source")

    assert client.get(at(page, job)).status_code == 404
    assert client.get(at(page, job.pk + 1)).status_code == 404
    assert client.get(at(page, 10**30)).status_code == 404
    assert Client().get(at(page, job)).status_code == 302


def test_without_the_right_to_view_jobs_people_open_their_own_alone(
    importing: Importing, staff: Staff
) -> None:
    job, _ = importing("companies", COMPANIES)
    clerk = staff("view_company")
    shown_before = clerk.get(at("story", job)).status_code
    DataImportJob.objects.filter(pk=job.pk).update(created_by=int(clerk.session["_auth_user_id"]))

    text = text_of(clerk.get(at("story", job)))
    start = text_of(clerk.get(reverse("admin:importer_import_start")))

    assert shown_before == 404
    assert "2 of 3 records are in." in text
    assert "Everything that is stored" not in text
    assert at("story", job) in start
    assert "All jobs" not in start


@pytest.mark.parametrize("page", ["run", "stop"])
def test_only_those_who_may_run_a_job_start_and_stop_it(job: DataImportJob, staff: Staff, page: str) -> None:
    reader = staff("view_dataimportjob", "view_company", "change_dataimportjob")
    stranger = staff("change_dataimportjob", "add_company")

    assert reader.post(at(page, job)).status_code == 403
    assert stranger.post(at(page, job)).status_code == 404
    assert reader.get(at(page, job)).status_code == 405


def test_who_may_not_read_the_source_sees_no_value_of_it(importing: Importing, staff: Staff) -> None:
    job, _ = importing(
        "companies", "code,name,canary-header\nC1,canary-broken\nfar-too-long-canary-code,x,canary-y\n"
    )
    DataImportJob.objects.filter(pk=job.pk).update(status="failed", error="canary-error")
    MigrationLog.objects.create(job=job, event="failed", reason="canary-reason", details={"read": 2})
    reader = staff("view_dataimportjob", "view_company", "change_dataimportjob")

    text = text_of(reader.get(at("story", job)))

    assert "canary" not in text
    assert "Download rejects" not in text
    assert reader.get(at("rejects", job)).status_code == 403
    assert ">Resume</button>" not in text


def test_the_admin_leads_to_the_story(admin: Client, job: DataImportJob) -> None:
    address = at("story", job)

    assert address in text_of(admin.get(reverse("admin:importer_dataimportjob_changelist")))
    assert address in text_of(admin.get(reverse("admin:importer_dataimportjob_change", args=[job.pk])))
