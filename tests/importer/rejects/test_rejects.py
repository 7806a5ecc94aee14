"""Rejected records: exported, fixed, replayed."""

import csv
import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from importer import Column, ModelImport
from importer.models import DataImportJob, StagingRecord
from importer.rejects.export import export_rejects
from importer.rejects.fixed import RejectsRefused
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from importer.specs.registry import temporarily
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact, Everything

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


def test_a_fixed_file_is_imported_in_the_same_job(importing: Importing, folder: Path) -> None:
    Company.objects.create(code="C1", name="One")
    job, _ = importing("contacts", CONTACTS)
    rows = exported(job)
    assert [row["_line"] for row in rows] == ["3", "5"]
    assert rows[0]["first_name"] == "''Bob"  # as a spreadsheet shows it, and nothing is lost on the way back
    rows[0]["ROLE"] = "user"
    rows[1] |= {"email": "d@example.com", "ROLE": "admin", "balance": "4"}

    counts = replay_rejects(job, write(folder / "fixed.csv", rows))

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
    assert "2 remain rejected" in out
    assert list(Company.objects.values_list("code", flat=True)) == ["C"]
    assert make_report(job).counts.rejected == 2


def test_a_record_that_could_not_be_taken_apart_is_taken_once_it_was_changed(
    importing: Importing, folder: Path
) -> None:
    job, _ = importing("companies", "code,name\nA\nB,Bee,surplus\n")
    rows = exported(job)
    assert [row["_raw"] for row in rows] == ["A", "B,Bee,surplus"]
    rows[0]["name"], rows[1]["name"] = "Ay", "Bee surplus"

    counts = replay_rejects(job, write(folder / "fixed.csv", rows))

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

    with pytest.raises(RejectsRefused, match="line 999, which is not a rejected record"):
        replay_rejects(job, write(folder / "fixed.csv", rows))


def test_the_report_groups_reasons_into_families(
    importing: Importing, capsys: pytest.CaptureFixture[str]
) -> None:
    job, _ = importing("contacts", CONTACTS)

    call_command("import_report", str(job.pk))

    out = capsys.readouterr().out
    assert "every record has one fate" in out
    assert "1 x company: does_not_exist" in out
    assert "line 3: Value 'king' is not a valid choice." in out


@pytest.fixture
def noted() -> Iterator[type[ModelImport]]:
    """A spec for which only "NA" is null, and whose names may be made to interrupt the process."""

    class Noted(ModelImport):
        class Meta:
            model = Everything
            name = "noted"
            null_values = ("NA",)
            fields = ("char", "char_null", "integer")

        interrupts = False
        char = Column("char", transform=lambda text: Noted.passed_on(text))

        @classmethod
        def passed_on(cls, text: str) -> str:
            if cls.interrupts:
                signal.raise_signal(signal.SIGINT)
            return text

    with temporarily(Noted):
        yield Noted


@pytest.mark.usefixtures("noted")
def test_a_null_is_null_again_after_export_and_replay(importing: Importing, folder: Path) -> None:
    """It came back as an empty text where the spec has another null value."""
    job, _ = importing("noted", '{"char": "a", "char_null": null, "integer": "x"}\n', name="source.jsonl")
    rows = exported(job)
    assert rows[0]["char_null"] == "NA"
    rows[0]["integer"] = "1"

    counts = replay_rejects(job, write(folder / "fixed.csv", rows))

    assert counts.inserted == 1
    assert Everything.objects.get().char_null is None


def test_ctrl_c_stops_a_replay_and_the_same_command_goes_on(
    importing: Importing, folder: Path, settings: Any, noted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was a traceback; and the same command was refused, since the file holds lines that are replayed."""
    job, _ = importing("noted", "char,char_null,integer\na,,x\nb,,x\nc,,x\n")
    rows = [row | {"integer": "1"} for row in exported(job)]
    file = write(folder / "fixed.csv", rows)
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": 1}
    noted.interrupts = True

    with pytest.raises(CommandError, match="was stopped; run the same command to continue") as stop:
        call_command("replay_rejects", str(job.pk), file)

    assert stop.value.returncode == 3
    job.refresh_from_db()
    assert (job.inserted, job.rejected, job.result["inserted"], job.result["rejected"]) == (1, 2, 1, 2)
    noted.interrupts = False
    capsys.readouterr()
    call_command("replay_rejects", str(job.pk), file)
    out = capsys.readouterr().out
    assert "2 records replayed = 2 inserted" in out
    assert "1 were passed over" in out


def test_the_figures_of_a_finished_job_follow_each_batch_of_a_replay(
    importing: Importing, settings: Any, noted: Any
) -> None:
    """After a kill they were those from before the replay."""
    job, _ = importing("noted", "char,char_null,integer\na,,x\nb,,x\n")
    StagingRecord.objects.filter(job=job, line=2).update(raw={"char": "a", "char_null": "", "integer": "1"})
    figures = {}

    def look(text: str) -> str:
        figures[text] = DataImportJob.objects.get(pk=job.pk).result["inserted"]
        return text

    noted.passed_on = look
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": 1}

    replay_rejects(job)

    assert figures == {"a": 0, "b": 1}


def test_a_large_field_goes_out_and_in(importing: Importing, folder: Path) -> None:
    """More than 128 kB were refused by the csv module."""
    job, _ = importing("everything", f"char,integer,text\na,x,{'y' * 300_000}\n")
    rows = exported(job)
    rows[0]["integer"] = "1"
    csv.field_size_limit(131_072)

    counts = replay_rejects(job, write(folder / "fixed.csv", rows))

    assert counts.inserted == 1
    assert len(Everything.objects.get().text) == 300_000


def test_a_nul_in_a_fixed_file_is_a_line_that_names_it(importing: Importing, folder: Path) -> None:
    job, _ = importing("everything", "char,integer\na,x\n")
    rows = [row | {"char": "a\0"} for row in exported(job)]

    with pytest.raises(RejectsRefused, match="NUL character in line 2"):
        replay_rejects(job, write(folder / "fixed.csv", rows))


@pytest.mark.parametrize("name", ["_line", "_raw", "_reasons"])
def test_a_source_with_a_column_of_the_rejects_file_is_refused(importing: Importing, name: str) -> None:
    """Its values were taken for the importer's own on the way back in."""
    _, result = importing("companies", f"code,name,{name}\nA,Ay,1\n")

    assert result.status == "failed"
    assert f'has a column "{name}", a name that the export of rejected records uses' in result.reason
