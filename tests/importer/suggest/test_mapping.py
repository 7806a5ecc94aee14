"""Mappings are kept as data, checked like code that strangers wrote, and read by every worker of a job."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command

from importer import run_import
from importer.exceptions import MappingRefused, UnknownSpec
from importer.jobs import create_job
from importer.models import DataImportJob, ImportMapping
from importer.rights import may_import_with, may_see, visible_jobs
from importer.specs.registry import get_spec
from importer.specs.stored import build_spec, spec_of
from importer.suggest import mapping as mappings
from importer.suggest.suggestion import suggest
from tests.importer.samples.crm.models import Company, Contact
from tests.importer.samples.domains.models import Customer
from tests.importer.suggest import files
from tests.importer.suggest.specs import COLUMNS, OPTIONS, kept

pytestmark = pytest.mark.django_db(transaction=True)


def contacts_file(folder: Path, records: int) -> Path:
    lines = [
        f"{n}; m{n}@example.com ;{'Mitarbeiter' if n % 7 else 'Chef'};{n % 28 + 1:02}.02.2020;1.0{n % 90 + 10},50;"
        f"C{n % 3}"
        for n in range(1, records + 1)
    ]
    path = folder / "kontakte.csv"
    path.write_bytes(
        ("Export für März\n" + ";".join(COLUMNS) + "\n" + "\n".join(lines) + "\n").encode("cp1252")
    )
    return path


def test_a_job_reads_its_mapping_in_two_worker_processes(folder: Path, settings: Any) -> None:
    settings.IMPORTER = settings.IMPORTER | {"CHUNK_BYTES": 40_000}
    Company.objects.create(code="C1", name="One")
    mapping = kept()
    job = create_job(mapping.spec_name, str(contacts_file(folder, 3_000)), **mappings.job_options(mapping))

    result = run_import(job, workers=2, executor="process")

    assert (result.status, result.read, result.inserted, result.rejected) == ("completed", 3_000, 3_000, 0)
    contact = Contact.objects.get(legacy_id=7)
    assert (contact.email, contact.role, str(contact.joined), str(contact.balance)) == (
        "m7@example.com", "admin", "2020-02-08", "1017.50",
    )  # fmt: skip
    assert contact.company is not None
    assert contact.first_name == "Ü"
    mapping.refresh_from_db()
    assert mapping.used_at is not None


def test_a_new_version_does_not_change_a_job_that_is_there(folder: Path) -> None:
    first = kept()
    job = create_job(first.spec_name, str(contacts_file(folder, 10)), **mappings.job_options(first))
    second = kept(OPTIONS | {"constants": {"first_name": "Other"}})

    run_import(job, executor="inline")

    assert (second.name, second.version, second.pk != first.pk) == (first.name, 2, True)
    assert mappings.latest("Contacts") == second
    assert set(Contact.objects.values_list("first_name", flat=True)) == {"Ü"}


def test_a_suggestion_is_kept_and_imports_the_next_file(folder: Path) -> None:
    suggestion = suggest(str(files.customers_de(folder)), Customer)
    mapping = mappings.keep_suggestion("Customers", suggestion)
    job = create_job(mapping.spec_name, str(files.customers_de(folder)), **mappings.job_options(mapping))

    result = run_import(job, executor="inline")

    assert (result.inserted, result.rejected) == (files.RECORDS, 0)
    again = suggest(str(files.customers_de(folder)), Customer, earlier=mapping)
    assert {match.field.evidence.partition(";")[0] for match in again.filled} == {"same as last time"}


def test_a_file_that_no_longer_fits_is_refused_with_its_likely_columns() -> None:
    mapping = kept()

    missing = mappings.missing_columns(mapping, ["NR", "E-Mail", "Rolle", "Seit", "Saldo EUR", "Firma"])

    assert [(each.column, each.nearest) for each in missing] == [("Mail", "E-Mail"), ("Saldo", "Saldo EUR")]
    with pytest.raises(MappingRefused, match='lacks the columns "Mail", did you mean "E-Mail"'):
        mappings.refuse_misfit(mapping, ["NR", "E-Mail", "Rolle", "Seit", "Saldo EUR", "Firma"])
    mappings.refuse_misfit(mapping, [*COLUMNS, "More"])


def test_a_required_field_without_a_column_is_refused() -> None:
    options = OPTIONS | {"fields": {"legacy_id": {"column": "Nr"}}, "lookups": {}}

    with pytest.raises(MappingRefused, match='required field "email"'):
        mappings.refuse_misfit(kept(options), COLUMNS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"clean_record": "os.system"}, "unknown key"),
        ({"model": "auth.User"}, "unknown key"),
        ({"fields": {"email": {"column": "Mail", "transform": "str.upper"}}}, "unknown key"),
        ({"fields": {"email": {"column": 7}}}, "invalid value"),
        ({"fields": {"email": "Mail"}}, "must be an object"),
        ({"fields": ["email"]}, "invalid value"),
        ({"fields": {"nothing": {"column": "Mail"}}}, "is not a field"),
        ({"fields": {"updated_at": {"column": "Mail"}}}, "is not a field"),
        ({"fields": {"joined": {"column": "Seit", "decimal": ","}}}, "not a number"),
        ({"fields": {"email": {"column": "x" * 501}}}, "invalid value"),
        ({"fields": {"role": {"column": "Rolle", "values": {"a": ["b"]}}}}, "invalid value"),
        ({"fields": {"legacy_id": {"column": "Nr", "blank": "other"}}}, "invalid blank"),
        ({"lookups": {"company": {"columns": ["F"], "to": ["contact__email"]}}}, "cannot find rows by"),
        ({"lookups": {"company": {"columns": ["F"], "to": ["nothing"]}}}, "cannot find rows by"),
        ({"lookups": {"company": {"columns": ["F", "G"], "to": ["code"]}}}, "do not match"),
        ({"lookups": {"email": {"columns": ["F"], "to": ["code"]}}}, "cannot find rows by"),
        ({"lookups": {"company": {"columns": ["F"], "to": ["code"], "defaults": {}}}}, "unknown key"),
        ({"constants": {"first_name": {"a": 1}}}, "is not a text"),
        ({"dialect": {"delimiter": "\n"}}, "Invalid delimiter"),
        ({"dialect": {"path": "/etc"}}, "no part"),
        ({"dialect": {"skip_lines": "many"}}, "skip_lines|wrong kind"),
        ({"dialect": {"skip_lines": {}}}, "is invalid"),
        ({"key": ["nothing"]}, "no field"),
        ({"on_conflict": "drop"}, "invalid on_conflict"),
        ({"null_values": "NULL"}, "invalid value"),
        ({"null_values": ["\0"]}, "invalid value"),
    ],
)
def test_options_that_are_not_allowed_are_refused_in_one_line(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(MappingRefused, match=reason) as refused:
        kept(OPTIONS | change)

    assert "\n" not in str(refused.value)
    assert not ImportMapping.objects.exists()


@pytest.mark.parametrize(
    "field", ["password", "is_superuser", "is_staff", "is_active", "groups", "user_permissions"]
)
def test_no_mapping_fills_what_decides_about_rights(django_user_model: Any, field: str) -> None:
    for kind in ({"fields": {field: {"column": "x"}}}, {"constants": {field: "x"}}):
        with pytest.raises(MappingRefused, match="may fill"):
            build_spec(django_user_model._meta.label, kind, name="users")


def test_no_mapping_finds_rows_by_a_password(django_user_model: Any) -> None:
    options = {"lookups": {"created_by": {"columns": ["x"], "to": ["password"]}}}

    with pytest.raises(MappingRefused, match="cannot find rows"):
        build_spec(DataImportJob._meta.label, options, name="jobs")


def test_options_that_were_changed_in_the_database_are_checked_again(folder: Path) -> None:
    mapping = kept()
    ImportMapping.objects.update(options={"fields": {"nothing": {}}})

    with pytest.raises(MappingRefused, match="is not a field"):
        get_spec(mapping.spec_name)


@pytest.mark.parametrize(
    "name", ["mapping:0", "mapping:999", "mapping:1; DROP", "mapping:", "mapping:-1", f"mapping:{'9' * 30}"]
)
def test_a_mapping_that_is_not_there_is_an_unknown_spec(name: str) -> None:
    with pytest.raises(UnknownSpec, match="There is no mapping"):
        get_spec(name)


def test_the_rights_are_those_on_the_model(django_user_model: Any, folder: Path) -> None:
    mapping = kept(OPTIONS | {"lookups": {}})
    job = create_job(mapping.spec_name, str(contacts_file(folder, 3)), **mappings.job_options(mapping))
    clerk = django_user_model.objects.create_user(email="clerk@example.com")
    stranger = django_user_model.objects.create_user(email="stranger@example.com")
    for codename in ("add_contact", "change_contact"):
        clerk.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label="crm"))
    clerk = django_user_model.objects.get(pk=clerk.pk)

    assert may_import_with(clerk, mapping.spec_name)
    assert may_see(clerk, job)
    assert list(visible_jobs(clerk)) == [job]
    assert not may_import_with(stranger, mapping.spec_name)
    assert not may_see(stranger, job)
    assert not visible_jobs(stranger).exists()


def test_a_job_outlives_its_mapping_in_the_lists(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mapping = kept()
    job = create_job(mapping.spec_name, str(contacts_file(folder, 3)), **mappings.job_options(mapping))
    run_import(job, executor="inline")
    mapping.delete()

    call_command("import_report", str(job.pk))

    assert "3" in capsys.readouterr().out


def test_only_declared_fields_are_filled() -> None:
    options = {key: value for key, value in OPTIONS.items() if key != "constants"}

    spec = spec_of(kept(options))

    assert spec.options.fields == ()
    assert set(spec.declared) == {"legacy_id", "email", "role", "joined", "balance", "company"}
