"""A person is erased from rejected records, logs and reasons, and what cannot be changed is told."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, connections

from cortex.models import User
from importer import ledger
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from importer.rejects.export import export_rejects
from importer.rejects.fixed import RejectsRefused
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from importer.run.run import run_import
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
ANN = "ann@example.com"
HEADER = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
# Rejected: by the role, by a missing parent, not split into columns; one of another person; and one that passes.
FILE = (
    f"{HEADER}1,{ANN},Ann,king,,,1\n2,joann@example.com,Joann,king,,,1\n3,x@example.com,Ann,user,C1,,1\n"
    f"4,Ann@Example.com\n5,{ANN.upper()},Ann,user,C1,,1\n6,six@example.com,Six,user,,,1\n"
)


@pytest.fixture
def ann(db: None) -> User:
    user: User = User.objects.create_user(ANN)
    return user


def erase(user: User) -> dict[str, list[str]]:
    config: Any = apps.get_app_config("importer")
    answer: dict[str, list[str]] = config.erase_user(user)
    return answer


def exported(job: DataImportJob) -> str:
    buffer = io.StringIO()
    export_rejects(job, buffer)
    return buffer.getvalue()


def everything() -> str:
    """All four tables, as the database writes them."""
    with connection.cursor() as cursor:
        texts = []
        for model in (DataImportJob, ImportChunk, StagingRecord, MigrationLog):
            cursor.execute(f"SELECT t::text FROM {model._meta.db_table} AS t")
            texts += [text for (text,) in cursor.fetchall()]
    return "\n".join(texts).lower()


def test_records_that_name_them_are_emptied_and_stay_a_number(importing: Importing, ann: User) -> None:
    job, result = importing("contacts", FILE)
    assert (result.inserted, result.rejected) == (1, 5)

    told = erase(ann)

    assert "3 rejected records that named them" in told["erased"]
    left = {r.line: (r.state, r.raw.get("email")) for r in StagingRecord.objects.filter(job=job)}
    assert left == {
        2: ("discarded", None),
        3: ("rejected", "joann@example.com"),
        4: ("rejected", "x@example.com"),
        5: ("discarded", None),
        6: ("discarded", None),
    }
    [error] = StagingRecord.objects.get(job=job, line=2).errors
    assert error == {"field": "role", "code": "invalid_choice", "message": "(erased)", "value": None}
    assert ANN not in everything().replace("joann@example.com", "")


def test_what_was_erased_is_not_exported_not_replayed_and_counted(importing: Importing, ann: User) -> None:
    job, _ = importing("contacts", FILE)
    erase(ann)
    Company.objects.create(code="C1", name="One")

    text = exported(job)
    counts = replay_rejects(job)

    assert len(text.splitlines()) == 3
    assert (counts.read, counts.inserted, counts.rejected) == (2, 1, 1)
    assert not Contact.objects.filter(email__iexact=ANN).exists()
    report = make_report(job)
    assert (report.counts.rejected, report.kept, report.erased) == (4, 1, 3)
    assert report.is_balanced
    out = io.StringIO()
    call_command("import_report", str(job.pk), stdout=out)
    assert "erased               3 (rejected records that named a person)" in out.getvalue()


def test_a_file_that_was_exported_before_brings_nobody_back(
    importing: Importing, ann: User, folder: Path
) -> None:
    job, _ = importing("contacts", FILE)
    (folder / "rejects.csv").write_text(exported(job).replace("king", "user"))
    erase(ann)

    with pytest.raises(
        RejectsRefused, match="has line 2, which was erased because it named a person; remove it"
    ):
        replay_rejects(job, str(folder / "rejects.csv"))

    assert not Contact.objects.filter(email__iexact=ANN).exists()
    assert ANN not in everything().replace("joann@example.com", "")


def test_a_replayed_record_stays_one_without_its_values(importing: Importing, ann: User) -> None:
    job, _ = importing("contacts", FILE)
    Company.objects.create(code="C1", name="One")
    replay_rejects(job)
    assert StagingRecord.objects.get(job=job, line=6).state == "replayed"

    erase(ann)

    record = StagingRecord.objects.get(job=job, line=6)
    assert (record.state, list(record.raw)) == ("replayed", ["_erased"])
    assert make_report(job).is_balanced
    assert make_report(job).replayed == 2


def test_reasons_logs_and_keys_that_quote_are_cleaned(importing: Importing, ann: User) -> None:
    job, _ = importing("contacts", f"{HEADER}6,six@example.com,Six,user,,,1\n")
    DataImportJob.objects.filter(pk=job.pk).update(
        name=f"Of {ANN}", error=f"Key (email)=({ANN}) exists.", columns=["email", ANN]
    )
    ImportChunk.objects.filter(job=job, number=1).update(
        last_error=f"({ANN})", start_key=[ANN], end_key=["b"]
    )
    MigrationLog.objects.create(
        job=job, event="failed", reason=f"Key ({ANN})", details={"read": 3, "traceback": f"line 1\n{ANN}"}
    )
    MigrationLog.objects.filter(job=job, event="planned").update(
        details={"columns": ["email", ANN], "ignored": [ANN]}
    )

    told = erase(ann)

    assert ANN not in everything()
    assert "2 log entries" in told["erased"]
    job.refresh_from_db()
    assert (job.name, job.error, job.columns) == ("(erased)", "(erased)", ["email", "(erased)"])
    chunk = ImportChunk.objects.get(job=job, number=1)
    assert (chunk.last_error, chunk.start_key, chunk.end_key) == ("(erased)", ["(erased)"], ["b"])
    entry = MigrationLog.objects.get(job=job, event="failed")
    assert (entry.reason, entry.details) == ("(erased)", {"read": 3, "traceback": "(erased)"})
    planned = MigrationLog.objects.get(job=job, event="planned")
    assert planned.details == {"columns": ["email", "(erased)"], "ignored": ["(erased)"]}


def test_a_user_named_like_a_column_or_a_code_does_not_empty_every_record(importing: Importing) -> None:
    job, _ = importing("contacts", FILE)
    before = everything()
    for name in ("email", "role", "invalid_choice", "first_name"):
        erase(User(pk=-1, email=name))

    assert everything() == before
    assert job.columns


def test_a_header_that_is_a_record_is_cleaned_with_the_records(importing: Importing, ann: User) -> None:
    """Of a file without a header, the first record's values are the columns, and so keys of every other record."""
    job = DataImportJob.objects.create(
        spec="contacts", source="x.csv", format="csv", columns=["1", ANN], planned_at="2026-01-01T00:00Z"
    )
    StagingRecord.objects.create(job=job, line=2, raw={"1": "2", ANN: "b@example.com"}, errors=[])

    erase(ann)

    assert ANN not in everything()
    job.refresh_from_db()
    assert exported(job).splitlines() == ["_line,_reasons,1,(erased),_raw"]


def test_a_job_in_hand_is_told_and_left_alone(importing: Importing, ann: User) -> None:
    job, _ = importing("contacts", FILE)
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:  # another process that replays: its hold on the job
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [ledger.JOBS, job.pk])

        told = erase(ann)
    finally:
        other.close()

    assert (
        f"rejected records of job {job.pk}, which is running or being replayed; run the command again afterwards"
        in (told["stays"])
    )
    assert StagingRecord.objects.filter(state="rejected").count() == 5


def test_records_without_a_fate_are_told(importing: Importing, ann: User) -> None:
    job, _ = importing("contacts", FILE)
    StagingRecord.objects.filter(job=job, line=2).update(state="contested")
    DataImportJob.objects.filter(pk=job.pk).update(status="stopped")

    told = erase(ann)

    assert f"1 records of job {job.pk}; finish or delete the job, then run the command again" in told["stays"]
    assert StagingRecord.objects.get(job=job, line=2).raw["email"] == ANN


def test_files_that_hold_them_are_told(folder: Path, ann: User, settings: Any) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder / "media")},
        }
    }
    sent = create_job("contacts", upload=ContentFile(FILE.encode(), name="contacts.csv"), created_by=ann)
    run_import(sent.pk)
    named = create_job("companies", upload=ContentFile(b"code,name\n", name=f"{ANN}.csv"))

    stays = "\n".join(erase(ann)["stays"])

    assert f'the source "{sent.source}" of job {sent.pk}, which holds them' in stays
    assert f'the source "{named.source}" of job {named.pk}, which has them in its name' in stays
    assert "other uploads, which are not searched: they are kept for 90 days" in stays
    assert "1 jobs that they created" in stays


def test_many_records_are_erased_in_pages(importing: Importing, ann: User) -> None:
    lines = "".join(f"{n},{ANN if n % 2 else 'b@example.com'},A,king,,,1\n" for n in range(1, 1_001))
    job, _ = importing("contacts", HEADER + lines)

    told = erase(ann)

    assert "500 rejected records that named them" in told["erased"]
    assert StagingRecord.objects.filter(job=job, state="discarded").count() == 500
    assert MigrationLog.objects.filter(job=job, event="person_erased").count() == 1
