"""What is valid but hardly meant is named; what cannot be read right is refused."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from importer import Column, ModelImport
from importer.checks import check_spec
from importer.exceptions import MappingRefused
from importer.jobs import create_job
from importer.models import DataImportJob
from importer.rejects.report import make_report
from importer.run.run import run_import
from importer.specs.faults.formats import invalid_formats
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact, Everything
from tests.importer.samples.order.models import Price

pytestmark = pytest.mark.django_db(transaction=True)


def moments(*formats: str) -> type[ModelImport]:
    class Moments(ModelImport):
        class Meta:
            model = Everything
            name = "moments"
            fields = ("char",)

        moment = Column("when", formats=formats)

    return Moments


@pytest.mark.parametrize("format_", ["%Y-%m-%d %H:%M %Z", "%Z", "%d %%Z %Z"])
def test_a_format_that_forgets_the_zone_is_refused_everywhere(folder: Path, format_: str) -> None:
    spec = moments("%Y-%m-%d", format_)
    (folder / "s.csv").write_text("char,when\na,2021-01-01 10:00 UTC\n")

    [problem] = check_spec(spec)
    assert (problem.id, problem.msg) == ("importer.E015", invalid_formats(spec)[0])
    assert f'Moments: the format "{format_}" of "moment" has %Z' in problem.msg
    assert "use %z with offsets such as +02:00" in problem.msg
    with temporarily(spec):
        with pytest.raises(CommandError, match="has %Z") as refused:
            call_command("create_import", "moments", str(folder / "s.csv"))
        assert refused.value.returncode == 2
        with pytest.raises(MappingRefused, match="has %Z"):
            explain(spec)
        with temporarily(moments("%Y")):
            job = create_job("moments", str(folder / "s.csv"))
        assert "has %Z" in run_import(job).reason
    assert not Everything.objects.exists()


@pytest.mark.parametrize(
    ("format_", "fault"),
    [
        ("%Q", "bad directive"),
        ("%d.%m.%", "stray %"),
        ("%d.%d.%Y", "twice"),
        ("%%Z", ""),
        ("%d.%m.%y %z", ""),
    ],
)
def test_a_format_that_reads_nothing_is_refused(format_: str, fault: str) -> None:
    reasons = invalid_formats(moments(format_))

    assert len(reasons) == bool(fault)
    assert all(fault in reason for reason in reasons)


def test_an_offset_is_read_right(importing: Importing) -> None:
    with temporarily(moments("%d.%m.%Y %H:%M %z")):
        importing("moments", "char,when\na,01.07.2021 12:00 +02:00\n")

    moment = Everything.objects.get().moment
    assert moment is not None
    assert moment.isoformat() == "2021-07-01T10:00:00+00:00"


def notes_of(importing: Importing, spec: type[ModelImport], text: str, **options: Any) -> list[str]:
    told: list[str] = []
    with temporarily(spec):
        job, result = importing(spec.options.name, text, on_note=told.append, **options)
    assert result.status in ("completed", "dry-run"), result.reason
    if result.status == "completed":
        assert make_report(job).notes == told
    return told


@pytest.mark.parametrize("dry_run", [True, False])
def test_years_of_two_digits_that_become_years_to_come_are_named(importing: Importing, dry_run: bool) -> None:
    class Born(ModelImport):
        class Meta:
            model = Everything
            name = "born"
            fields = ("char",)

        date = Column("BORN", formats=("%d.%m.%Y", "%d.%m.%y"))

    rows = "a,01.05.55\nb,02.06.1955\nc,03.07.71\nd,04.08.2061\ne,05.09.56\n"
    notes = notes_of(importing, Born, f"char,BORN\n{rows}", dry_run=dry_run)

    [note] = notes
    assert note == (
        'The column "BORN" has years of two digits that are read as years to come: "01.05.55" in line 2 is 2055-05-01; '
        '"05.09.56" in line 6 is 2056-09-05. If another century is meant, use a transform that writes the year in full.'
    )


def test_nothing_is_said_of_years_in_the_past(importing: Importing) -> None:
    spec = moments("%d.%m.%y")

    assert notes_of(importing, spec, "char,when\na,01.05.20\n") == []


class Companies(ModelImport):
    class Meta:
        model = Company
        name = "sci-companies"
        key = ("code",)
        on_conflict = "update"


@pytest.mark.parametrize("text", ["1.23E+11", "4.9E+12", "1,23E+11", "9e+15"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_identifiers_in_scientific_notation_are_named(importing: Importing, text: str, dry_run: bool) -> None:
    notes = notes_of(importing, Companies, f'Code,name\nA+1,x\n"{text}",y\nC,z\n', dry_run=dry_run)

    [note] = notes
    assert note == (
        'The column "Code" has identifiers in scientific notation, as a spreadsheet writes long numbers: '
        f'"{text}" in line 3. Their last digits are lost; export the column as text.'
    )


@pytest.mark.parametrize("text", ["1E5X", "E+11", "2E11", "A1.2E+11", "+49", "1.5"])
def test_other_identifiers_are_not_suspected(importing: Importing, text: str) -> None:
    assert notes_of(importing, Companies, f"code,name\n{text},y\n") == []


def test_a_number_that_is_no_identifier_may_be_written_so(importing: Importing) -> None:
    class Contacts(ModelImport):
        class Meta:
            model = Contact
            name = "sci-contacts"
            key = ("legacy_id",)

    text = "legacy_id,email,balance,first_name\n1,a@b.cd,1.2E+3,1.2E+3\n"

    assert notes_of(importing, Contacts, text) == []


def test_a_unique_decimal_is_an_identifier(importing: Importing) -> None:
    class Prices(ModelImport):
        class Meta:
            model = Price
            name = "sci-prices"

    assert '"1.2E+3" in line 2' in notes_of(importing, Prices, "amount,at\n1.2E+3,2021-01-01\n")[-1]


def test_each_column_is_named_once_however_many_batches_and_workers(
    importing: Importing, settings: Any
) -> None:
    inline = "importer.executors.inline.execute"
    executors = {"inline": inline, "as-many": inline}
    settings.IMPORTER |= {"CHUNK_BYTES": 1_000, "BATCH_SIZE_INITIAL": 10, "EXECUTORS": executors}
    text = "code,name\n" + "".join(f"{n / 100}E+11,x\n" for n in range(100, 400))

    for workers in (1, 2):
        notes = notes_of(importing, Companies, text, workers=workers, executor="as-many")
        assert len(notes) == 1
        assert '"1.0E+11" in line 2; "1.01E+11" in line 3; "1.02E+11" in line 4.' in notes[0]


def test_the_command_writes_it_on_standard_error(folder: Path) -> None:
    (folder / "s.csv").write_text("code,name\n1.23E+11,y\n")
    out, err = io.StringIO(), io.StringIO()
    with temporarily(Companies):
        job = create_job("sci-companies", str(folder / "s.csv"))
        call_command("run_import", str(job.pk), "--json", stdout=out, stderr=err)

    assert "scientific notation" in err.getvalue()
    assert DataImportJob.objects.get().status == "completed"


def test_headers_in_joined_files_are_named(importing: Importing) -> None:
    job, result = importing("companies", "code,name\nA,Ann\n\ufeffcode,name\nB,Bob\ncode,Cid\n")

    assert result.inserted == 4
    [note] = make_report(job).notes
    assert note.startswith(
        "Records repeat the header, as in files that were joined: line 3. They count as records"
    )


def test_a_header_among_records_without_one_is_named(folder: Path) -> None:
    (folder / "s.csv").write_text("code,name\nA,Ann\n")
    job = create_job(
        "companies", str(folder / "s.csv"), dialect={"header": False, "columns": ["code", "name"]}
    )
    run_import(job)

    assert "repeat the header, as in files that were joined: line 1." in make_report(job).notes[0]
