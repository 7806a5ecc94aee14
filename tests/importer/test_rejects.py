"""Rejected records: exported, mended, replayed."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import call_command

from importer.models import DataImportJob, StagingRecord
from importer.rejects import RejectsRefused, export_rejects, replay_rejects
from importer.report import make_report
from tests.importer.conftest import Importing
from tests.importer.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
CONTACTS = (
    "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
    "1,a@example.com,=Ann,user,C1,,1\n"
    "2,b@example.com,'Bob,king,,,1\n"
    "3,c@example.com,Cid,user,,,1\n"
    "4,short\n"
)


def exported(job: DataImportJob) -> list[dict[str, str]]:
    buffer = io.StringIO()
    export_rejects(job, buffer)
    return list(csv.DictReader(io.StringIO(buffer.getvalue())))


def write(path: Path, rows: list[dict[str, str]]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_stored_records_pass_once_their_parent_is_there(importing: Importing) -> None:
    job, result = importing("contacts", CONTACTS)
    assert (result.inserted, result.rejected) == (1, 3)
    Company.objects.create(code="C1", name="One")

    counts = replay_rejects(job)

    assert (counts.read, counts.inserted, counts.rejected, counts.left) == (2, 1, 1, 1)
    report = make_report(job)
    assert (report.counts.read, report.counts.inserted, report.counts.rejected) == (4, 2, 2)
    assert report.is_balanced
    assert report.replayed == 1


def test_a_mended_file_goes_in_as_the_same_job(importing: Importing, folder: Path) -> None:
    Company.objects.create(code="C1", name="One")
    job, _ = importing("contacts", CONTACTS)
    rows = exported(job)
    assert [row["_line"] for row in rows] == ["3", "5"]
    assert rows[0]["first_name"] == "''Bob"  # as a spreadsheet shows it, and nothing is lost on the way back
    rows[0]["ROLE"] = "user"
    rows[1] |= {"email": "d@example.com", "ROLE": "admin", "balance": "4"}

    counts = replay_rejects(job, write(folder / "mended.csv", rows))

    assert (counts.inserted, counts.rejected) == (2, 0)
    assert Contact.objects.get(legacy_id=2).first_name == "'Bob"
    assert Contact.objects.get(legacy_id=1).first_name == "=Ann"
    assert set(StagingRecord.objects.filter(job=job).values_list("state", flat=True)) == {"replayed"}
    job.refresh_from_db()
    assert (job.inserted, job.rejected, job.result["inserted"]) == (4, 0, 4)


@pytest.mark.parametrize("source", ["a stored record", "an untouched file"])
def test_a_record_that_could_not_be_taken_apart_is_never_replayed_as_it_is(
    importing: Importing, folder: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The missing fields of a short record went in as nulls, the surplus of a long one was dropped."""
    job, _ = importing("companies", "code,name\nA\nB,Bee,surplus\nC,Cee\n")
    file = () if source == "a stored record" else (write(folder / "untouched.csv", exported(job)),)

    call_command("replay_rejects", str(job.pk), *file)

    assert "0 records replayed" in (out := capsys.readouterr().out)
    assert "2 were left rejected" in out
    assert list(Company.objects.values_list("code", flat=True)) == ["C"]
    assert make_report(job).counts.rejected == 2


def test_a_record_that_could_not_be_taken_apart_is_taken_once_it_was_changed(
    importing: Importing, folder: Path
) -> None:
    job, _ = importing("companies", "code,name\nA\nB,Bee,surplus\n")
    rows = exported(job)
    assert [row["_raw"] for row in rows] == ["A", "B,Bee,surplus"]
    rows[0]["name"], rows[1]["name"] = "Ay", "Bee surplus"

    counts = replay_rejects(job, write(folder / "mended.csv", rows))

    assert (counts.inserted, counts.left) == (2, 0)
    assert list(Company.objects.order_by("code").values_list("name", flat=True)) == ["Ay", "Bee surplus"]


def test_a_formula_is_defused_in_the_export(importing: Importing) -> None:
    job, _ = importing("contacts", CONTACTS)

    row = exported(job)[0]

    assert row["first_name"] == "'=Ann"


def test_a_file_of_another_job_is_refused(importing: Importing, folder: Path) -> None:
    job, _ = importing("contacts", CONTACTS)
    rows = exported(job)
    rows[0]["_line"] = "999"

    with pytest.raises(RejectsRefused, match="line 999, which is not among the rejected"):
        replay_rejects(job, write(folder / "mended.csv", rows))


def test_the_report_groups_reasons_into_families(
    importing: Importing, capsys: pytest.CaptureFixture[str]
) -> None:
    job, _ = importing("contacts", CONTACTS)

    call_command("import_report", str(job.pk))

    out = capsys.readouterr().out
    assert "every record has one fate" in out
    assert "1 x company: does_not_exist" in out
    assert "line 3: Value 'king' is not a valid choice." in out
