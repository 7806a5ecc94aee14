"""Messages name the column of the file, the cell's own value, and dates as people write them."""

import csv
import io
from typing import Any

import pytest
from django.core.management import call_command

from importer import Column, Lookup, ModelImport
from importer.jobs import create_job
from importer.models import StagingRecord
from importer.rejects.export import export_rejects
from importer.rejects.report import make_report
from importer.run.run import run_import
from importer.specs.registry import temporarily
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Contact, Everything

pytestmark = pytest.mark.django_db(transaction=True)


class Contacts(ModelImport):
    class Meta:
        model = Contact
        name = "messages"
        fields = ("legacy_id", "email")

    joined = Column("JOIN_DT", formats=("%d.%m.%Y", "%Y%m%d"))
    role = Column("ROLE", transform=str.lower)
    company = Lookup("FIRM", to="code", transform=str.upper)
    first_name = Column("First Name")


HEADER = "legacy_id,email,JOIN_DT,ROLE,FIRM,First Name\n"


@pytest.fixture
def job(importing: Importing) -> Any:
    rows = "1,a@b.cd,30.02.2026,USER,,x\n2,a@b.cd,,KING,,x\n3,a@b.cd,,USER,abc,x\n4,nobody,,USER,,x\n5,a@b.cd,,USER,,"
    with temporarily(Contacts):
        job, _ = importing("messages", f"{HEADER}{rows}{'x' * 30}\n")
        yield job


def test_the_report_names_the_column_where_it_is_called_otherwise(job: Any) -> None:
    out = io.StringIO()
    call_command("import_report", str(job.pk), stdout=out)

    lines = out.getvalue().splitlines()
    assert '  1 x joined: invalid (column "JOIN_DT")' in lines
    assert '  1 x company: does_not_exist (column "FIRM")' in lines
    assert "  1 x first_name: max_length" in lines
    assert "      line 2: “30.02.2026” is not a valid date; write it like 31.12.2026 or 20261231." in lines
    assert "      line 3: Value 'king' is not a valid choice. (“KING”)" in lines
    assert '      line 4: There is no company with code "ABC". (“abc”)' in lines
    columns = {family["field"]: family["column"] for family in make_report(job).as_dict()["families"]}
    assert columns == {"joined": "JOIN_DT", "company": "FIRM", "first_name": "", "role": "", "email": ""}


def test_the_export_names_the_column_too(job: Any) -> None:
    file = io.StringIO()
    export_rejects(job, file)

    reasons = [row["_reasons"] for row in csv.DictReader(io.StringIO(file.getvalue()))]
    assert reasons[0].startswith('joined (column "JOIN_DT"): “30.02.2026” is not a valid date')
    assert reasons[3] == "email: Enter a valid email address."


def test_the_threshold_of_a_dry_run_names_the_column(folder: Any) -> None:
    (folder / "s.csv").write_text(f"{HEADER}1,a@b.cd,soon,USER,,x\n")
    with temporarily(Contacts):
        result = run_import(create_job("messages", str(folder / "s.csv")), dry_run=True, max_errors=0)

    assert 'most often joined (column "JOIN_DT"): invalid, as in line 2' in result.reason


def test_a_report_of_a_spec_that_is_gone_still_works(importing: Importing) -> None:
    with temporarily(Contacts):
        job, _ = importing("messages", f"{HEADER}1,a@b.cd,soon,USER,,x\n")

    assert make_report(job).families[0].column == ""


@pytest.mark.parametrize(
    ("field", "format_", "text", "message"),
    [
        ("moment", "%d.%m.%Y %H:%M", "x", "“x” is not a valid date; write it like 31.12.2026 23:59."),
        ("time", "%H.%M", "25.00", "“25.00” is not a valid time; write it like 23.59."),
        ("date", "%d-%b-%y", "x", "“x” is not a valid date; write it like 31-Dec-26."),
        (
            "moment",
            "%Y-%m-%dT%H:%M:%S%z",
            "x",
            "“x” is not a valid date; write it like 2026-12-31T23:59:58+0000.",
        ),
    ],
)
def test_formats_are_shown_as_people_write_them(
    importing: Importing, field: str, format_: str, text: str, message: str
) -> None:
    class Times(ModelImport):
        class Meta:
            model = Everything
            name = "times"
            fields = ("char",)

    spec = type("Times", (Times,), {field: Column("when", formats=format_)})
    with temporarily(spec):
        job, _ = importing("times", f"char,when\na,{text}\n")

    assert StagingRecord.objects.get(job=job).errors[0]["message"] == message
