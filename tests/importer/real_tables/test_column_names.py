"""A column is found by its name without case, blanks and underscores; what fills nothing is named."""

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import call_command

from importer import Column, Constant, Lookup, ModelImport
from importer.exceptions import MappingRefused
from importer.jobs import create_job
from importer.rejects.report import make_report
from importer.specs.columns import SourceColumns
from importer.specs.compile import compile_mapping
from importer.specs.registry import temporarily
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact, Everything

pytestmark = pytest.mark.django_db(transaction=True)


class ContactSpec(ModelImport):
    class Meta:
        model = Contact
        name = "plain-contacts"
        key = ("legacy_id",)
        on_conflict = "update"


@pytest.mark.parametrize(
    "header",
    [
        "legacy_id,email,first_name",
        "LEGACY_ID,EMail,First_Name",
        "Legacy ID,E MAIL,first name",
        "LegacyId, Email ,FirstName",
        "legacy\u00a0id,EMAIL,first__name",
    ],
)
def test_a_field_takes_the_column_that_differs_in_case_blanks_and_underscores(
    importing: Importing, header: str
) -> None:
    notes: list[str] = []
    with temporarily(ContactSpec):
        _, result = importing(
            "plain-contacts", f"{header}\n1,ann@example.com,Ann\n", workers=1, on_note=notes.append
        )

    assert (result.status, result.inserted, notes) == ("completed", 1, [])
    assert Contact.objects.values_list("legacy_id", "email", "first_name").get() == (
        1,
        "ann@example.com",
        "Ann",
    )


def taken(spec: type[ModelImport], header: list[str]) -> dict[str, str]:
    mapping = compile_mapping(spec, header)
    return {plan.field.name: plan.column for plan in mapping.columns} | {
        plan.field.name: plan.parts[0].column for plan in mapping.lookups
    }


def test_the_exact_name_wins_and_the_other_column_is_ignored() -> None:
    mapping = compile_mapping(ContactSpec, ["legacy_id", "email", "Email", "EMAIL"])

    assert [plan.column for plan in mapping.columns] == ["legacy_id", "email"]
    assert mapping.notes == ['2 columns fill no field: "Email", "EMAIL".']


def test_two_columns_that_resemble_a_field_are_not_taken_and_named() -> None:
    mapping = compile_mapping(ContactSpec, ["legacy_id", "email", "First Name", "FIRST_NAME"])

    assert "first_name" not in {plan.field.name for plan in mapping.columns}
    assert mapping.notes == [
        '2 columns fill no field: "First Name", "FIRST_NAME".',
        'Ambiguous: "First Name" or "FIRST_NAME" could fill "first_name"; name one with Column("…").',
    ]


def test_a_required_field_with_two_columns_refuses_the_source() -> None:
    with pytest.raises(MappingRefused, match=r'"Email" or "EMAIL" could fill "email": name one'):
        compile_mapping(ContactSpec, ["legacy_id", "Email", "EMAIL"])


def test_a_column_that_a_declaration_names_is_not_guessed_for_another_field() -> None:
    class Spec(ContactSpec):
        legacy_id = Column("ID")
        first_name = Column("Role")

    assert taken(Spec, ["ID", "email", "Role"]) == {"legacy_id": "ID", "email": "email", "first_name": "Role"}
    assert taken(Spec, ["ID", "email", "ROLE"]) == {"legacy_id": "ID", "email": "email", "first_name": "ROLE"}


def test_two_fields_may_share_a_column_that_is_spelled_otherwise() -> None:
    class Spec(ModelImport):
        class Meta:
            model = Company

        code = Column("name")

    assert taken(Spec, ["Name"]) == {"code": "Name", "name": "Name"}


def test_a_declared_name_is_matched_loosely_only_where_the_exact_one_is_missing() -> None:
    class Spec(ContactSpec):
        first_name = Column("VOR NAME")
        company = Lookup("COMP CD", to="code")

    assert taken(Spec, ["legacy_id", "email", "vor_name", "CompCd"]) == {
        "legacy_id": "legacy_id", "email": "email", "first_name": "vor_name", "company": "CompCd",
    }  # fmt: skip
    assert taken(Spec, ["legacy_id", "email", "vor_name", "VOR NAME", "CompCd"])["first_name"] == "VOR NAME"
    with pytest.raises(MappingRefused, match='"vor_name" or "VorName" could fill "VOR NAME"'):
        compile_mapping(Spec, ["legacy_id", "email", "vor_name", "VorName", "CompCd"])


def test_two_declared_names_do_not_share_one_column_by_likeness() -> None:
    class Spec(ContactSpec):
        first_name = Column("Nick Name")
        role = Column("NICKNAME")

    with pytest.raises(MappingRefused, match='"nick_name" could fill "NICKNAME" or "Nick Name"'):
        compile_mapping(Spec, ["legacy_id", "email", "nick_name"])


@pytest.mark.parametrize("header", ["company_id", "Company ID", "COMPANY", "companyid"])
def test_a_foreign_key_is_found_by_its_name_or_its_attribute(header: str) -> None:
    assert taken(ContactSpec, ["legacy_id", "email", header])["company"] == header


def test_sensitive_fields_stay_closed_however_their_column_is_spelled() -> None:
    from django.contrib.auth import get_user_model

    class Spec(ModelImport):
        class Meta:
            model = get_user_model()

        password = Column("secret")

    header = ["secret", "Username", "E-mail", "Email", "IS STAFF", "Is_Superuser", "isactive"]
    mapping = compile_mapping(Spec, header)
    assert {"IS STAFF", "Is_Superuser", "isactive"} <= set(mapping.ignored)


def test_null_values_of_a_column_hold_however_it_is_spelled() -> None:
    class Spec(ContactSpec):
        first_name = Column("VOR NAME", null_values=("-",))

    columns = SourceColumns.of(Spec, ["legacy_id", "email", "vor_name"])
    assert columns.null_values()["vor_name"] == {"-"}


class EverythingSpec(ModelImport):
    class Meta:
        model = Everything
        name = "typed-everything"
        fields = ("char", "data")


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_typed_values_of_a_json_column_stay_typed_however_it_is_spelled(
    importing: Importing, folder: Path, kind: str
) -> None:
    if kind == "jsonl":
        content = b'{"Char": "a", "DATA": 5}\n{"Char": "b", "DATA": "5"}\n'
        expected: list[Any] = [5, "5"]
    else:
        stream = io.BytesIO()
        pl.DataFrame({"Char": ["a", "b"], "DATA": [True, False]}).write_parquet(stream)
        content, expected = stream.getvalue(), [True, False]

    with temporarily(EverythingSpec):
        _, result = importing("typed-everything", content, name=f"source.{kind}")

    assert result.inserted == 2
    assert list(Everything.objects.order_by("char").values_list("data", flat=True)) == expected


def test_json_lines_do_not_add_a_declared_column_beside_the_one_that_resembles_it(
    importing: Importing,
) -> None:
    class Spec(ContactSpec):
        first_name = Column("VOR NAME")

    with temporarily(Spec):
        importing(
            "plain-contacts", '{"legacy_id": 1, "email": "a@b.cd", "vor_name": "Ann"}\n', name="s.jsonl"
        )

    assert Contact.objects.get().first_name == "Ann"


SOURCE = "legacy_id,email,Phone,x\x1b[2J\n1,ann@example.com,5,6\n2,nobody,5,6\n"


def test_an_update_says_that_the_key_of_a_row_stays() -> None:
    class Companies(ModelImport):
        class Meta:
            model = Company
            name = "made"
            key = ("code",)
            on_conflict = "update"

    assert compile_mapping(Companies, ["id", "code", "name"]).notes == [
        '"id" is the primary key of new rows alone: a row that the key finds keeps its own.'
    ]
    assert compile_mapping(Companies, ["code", "name"]).notes == []


NAMED = '2 columns fill no field: "Phone", "x\\x1b[2J".'


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("dry", [True, False])
def test_ignored_columns_are_named_by_the_run_the_dry_run_and_the_report(
    folder: Path, capsys: pytest.CaptureFixture[str], as_json: bool, dry: bool
) -> None:
    (folder / "s.csv").write_text(SOURCE)
    out, err = io.StringIO(), io.StringIO()
    options = ["--json"] * as_json + ["--dry-run"] * dry

    with temporarily(ContactSpec):
        job = create_job("plain-contacts", str(folder / "s.csv"))
        call_command("run_import", str(job.pk), *options, stdout=out, stderr=err)
        assert err.getvalue().splitlines() == [NAMED]
        if as_json:
            figures = json.loads(out.getvalue())
            assert (figures["read"], "notes" in figures) == (2, dry)
        if not dry:
            report = io.StringIO()
            call_command("import_report", str(job.pk), stdout=report)
            assert NAMED in report.getvalue()
            assert make_report(job).as_dict()["notes"] == ['2 columns fill no field: "Phone", "x\x1b[2J".']


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("text;url\nx;y\n", 'it has one column, "text;url"; is the delimiter ";"? (--delimiter)'),
        ("text\turl\nx\ty\n", 'is the delimiter "tab"? (--delimiter)'),
        ("sep=;\ntext;url\n", 'it has one column, "sep=;"; is the delimiter ";"? (--delimiter)'),
        ("A1,B1\nx,y\n", "it has: A1, B1."),
    ],
)
def test_a_source_that_fills_no_field_is_refused(importing: Importing, text: str, hint: str) -> None:
    """Where nothing is required, such a source would be rows of nothing."""
    meta = type("Meta", (), {"model": Everything, "name": "optional"})
    with temporarily(type("Optional", (ModelImport,), {"Meta": meta, "char": Constant("x")})):
        _, result = importing("optional", text)

    assert result.status == "failed"
    assert "no column of the source fills a field of Everything; " in result.reason
    assert result.reason.endswith(hint)
