"""Verifications of jobs whose records, rows or rejects have a history."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from importer import Column, Lookup, Many, ModelImport
from importer.exceptions import ImporterError
from importer.models import DataImportJob, ImportTransaction, MigrationLog, StagingRecord
from importer.rejects.replay import replay_rejects
from importer.specs.registry import temporarily
from importer.undo.undo import undo_import
from importer.verify.verified import SHOWN, Verified
from importer.verify.verify import verify_import
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact
from tests.importer.samples.places.models import Article, Place, Restaurant, Tag

pytestmark = pytest.mark.django_db(transaction=True)
CONTACTS = "legacy_id,email,balance\n" + "".join(f"{n},c{n}@example.com,{n}.50\n" for n in range(1, 8))


def spec(model: Any = Contact, declared: dict[str, Any] | None = None, **meta: Any) -> type[ModelImport]:
    options = {"model": model, "name": "verified", "key": ("legacy_id",), **meta}
    return type("VerifiedImport", (ModelImport,), {"Meta": type("Meta", (), options), **(declared or {})})


def imported(
    importing: Importing, text: str = CONTACTS, *, name: str = "source.csv", **meta: Any
) -> DataImportJob:
    with temporarily(spec(**meta)):
        job, result = importing("verified", text, name=name)
    assert result.status == "completed", result
    return job


def verify(job: DataImportJob, **meta: Any) -> Verified:
    with temporarily(spec(**meta)):
        return verify_import(job)


def test_the_figures_of_both_sides_are_those_of_the_columns(importing: Importing) -> None:
    job = imported(importing)

    found = verify(job)

    assert found.is_signed_off
    columns = {column.name: column for column in found.columns}
    assert columns["balance"].source == columns["balance"].table == ("31.50", "1.50", "7.50")
    assert columns["email"].in_words(columns["email"].table) == "0 empty"


def test_a_later_job_is_named(importing: Importing) -> None:
    job = imported(importing)
    later = imported(importing, CONTACTS.replace("3.50", "9.99"), name="later.csv", on_conflict="update")

    found = verify(job)

    assert found.differences == {"changed_since": 1}
    assert found.later_jobs == {later.pk: 1}
    assert found.examples[0].reason == f"changed by job {later.pk}"


@pytest.mark.parametrize("duplicates", ["first", "last", "reject"])
@pytest.mark.parametrize("on_conflict", ["update", "skip", "reject"])
def test_of_repeated_keys_the_record_that_counts_is_compared(
    importing: Importing, on_conflict: str, duplicates: str
) -> None:
    meta = {"on_conflict": on_conflict, "duplicates": duplicates}
    job = imported(importing, CONTACTS + "2,other@example.com,1\n5,else@example.com,2\n", **meta)

    before = verify(job, **meta)
    Contact.objects.filter(legacy_id=2).update(email="x@example.com")
    after = verify(job, **meta)

    assert before.differences == {}
    assert after.differences == {"changed_since": 1}
    assert after.examples[0].line == (9 if duplicates == "last" else 3)


def test_a_record_that_was_fixed_and_replayed_counts_as_fixed(importing: Importing) -> None:
    job = imported(importing, CONTACTS + "8,nobody,8\n9,nobody,9\n")
    record = StagingRecord.objects.get(job=job, line=9)
    StagingRecord.objects.filter(pk=record.pk).update(
        raw=record.raw | {"email": "fixed@example.com"}, state="fixed"
    )
    with temporarily(spec()):
        replay_rejects(job)
    job.refresh_from_db()

    before = verify(job)
    Contact.objects.filter(legacy_id=8).delete()
    after = verify(job)

    assert (before.differences, before.matched, before.rejected) == ({}, 8, 1)
    assert (after.differences, after.examples[0].line) == ({"missing": 1}, 9)


def test_rejected_records_that_were_deleted_do_not_count_as_differences(importing: Importing) -> None:
    job = imported(importing, CONTACTS + "8,nobody,8\n")
    StagingRecord.objects.filter(job=job).delete()

    unexplained = verify(job)
    MigrationLog.objects.create(job=job, event="rejects_pruned", details={"rejected": 1})
    explained = verify(job)

    assert unexplained.differences == {"refused": 1, "unbalanced": 1}
    assert (explained.differences, explained.rejected, len(explained.notes)) == ({}, 1, 1)


def test_links_and_parts_in_several_tables_are_compared(importing: Importing) -> None:
    Tag.objects.bulk_create(Tag(code=code) for code in "abc")
    linked = spec(Article, {"tags": Many("TAGS", to="code")}, key=("number",))
    inherited = spec(Restaurant, key=("code",))
    with temporarily(linked):
        job, _ = importing("verified", "number,title,TAGS\n1,x,a|b\n2,y,\n3,z,c\n")
        assert verify_import(job).is_signed_off
        Article.objects.get(number=1).tags.remove(Tag.objects.get(code="a"))
        Article.objects.get(number=2).tags.add(Tag.objects.get(code="c"))
        found = verify_import(job)
    with temporarily(inherited):
        job, _ = importing("verified", "code,city,seats,stars,phone\na,Rome,3,2,1\nb,Oslo,4,1,2\n")
        assert verify_import(job).is_signed_off
        Place.objects.filter(code="b").update(city="Bergen")
        parts = verify_import(job)

    assert (found.differences, {each.line for each in found.examples}) == ({"unlinked": 2}, {2, 3})
    assert parts.differences == {"changed_since": 1}
    assert parts.examples[0].fields == (("city", "Oslo", "Bergen"),)


def test_a_record_whose_parent_is_gone_is_refused_now(importing: Importing) -> None:
    Company.objects.create(code="A", name="A")
    lookup = {"company": Lookup("COMP", to="code")}
    with temporarily(spec(declared=lookup)):
        job, _ = importing("verified", "legacy_id,email,COMP\n1,a@example.com,A\n2,b@example.com,\n")
        Contact.objects.update(company=None)
        Company.objects.all().delete()

        found = verify_import(job)

    assert found.differences == {"refused": 1}


def test_records_without_a_number_are_found_by_their_values(importing: Importing) -> None:
    with temporarily(spec(Company, {"id": Column("ID")}, key=())):
        job, _ = importing("verified", "ID,code,name\n70,a,x\n,b,y\n,c,z\n")
        before = verify_import(job)
        Company.objects.filter(code="c").update(name="other")
        after = verify_import(job)

    assert (before.differences, before.matched) == ({}, 3)
    assert (after.differences, after.examples[0].line) == ({"missing": 1}, 4)


def test_nothing_is_kept_of_values_and_only_the_first_differences(importing: Importing) -> None:
    rows = "".join(f"{n},c{n}@example.com,1\n" for n in range(300))
    job = imported(importing, "legacy_id,email,balance\n" + rows)
    Contact.objects.update(email="secret@example.com")

    found = verify(job)

    assert found.differences == {"changed_since": 300}
    assert len(found.examples) == SHOWN
    entry = MigrationLog.objects.get(job=job, event="verified")
    assert "@" not in str(entry.details)
    assert entry.details["result"]["result_hash"] == found.hash
    assert entry.details["result"]["source_hash"] == job.source_hash


def test_after_a_restore_nothing_tells_who_wrote_a_row(importing: Importing) -> None:
    job = imported(importing)
    ImportTransaction.objects.update(xid=1)  # as in a database that was restored from a dump
    Contact.objects.filter(legacy_id=2).update(email="x@example.com")

    found = verify(job)

    assert found.differences == {"differs": 1}
    assert len(found.notes) == 1


@pytest.mark.parametrize("reason", ["source", "undone", "unfinished"])
def test_what_cannot_be_verified_is_refused_in_one_line(
    importing: Importing, folder: Path, reason: str
) -> None:
    job = imported(importing)
    if reason == "source":
        (folder / "source.csv").write_text(CONTACTS.replace("c1@", "d1@"))
    elif reason == "undone":
        with temporarily(spec()):
            undo_import(job)
        job.refresh_from_db()
    else:
        DataImportJob.objects.filter(pk=job.pk).update(status="failed")
        job.refresh_from_db()

    with pytest.raises(ImporterError) as refused:
        verify(job)

    assert "\n" not in str(refused.value)
    assert not MigrationLog.objects.filter(job=job, event="verified").exists()


def test_the_command_prints_sentences_and_says_by_its_exit_code(importing: Importing, tmp_path: Path) -> None:
    job = imported(importing)
    with temporarily(spec()):
        out = io.StringIO()
        call_command("verify_import", str(job.pk), stdout=out)
        assert "signed off: 7 of 7 records" in out.getvalue()
        Contact.objects.filter(legacy_id=2).update(balance=5)
        Contact.objects.filter(legacy_id=3).delete()
        out, file = io.StringIO(), tmp_path / "found.json"

        with pytest.raises(CommandError) as differs:
            call_command("verify_import", str(job.pk), stdout=out)
        with pytest.raises(CommandError):
            call_command("verify_import", str(job.pk), "--json", "--output", str(file), stdout=io.StringIO())

    assert differs.value.returncode == 1
    assert "line 3, row" in out.getvalue()
    assert 'changed since: balance is "5.00", not "2.50"' in out.getvalue()
    assert "line 4: missing" in out.getvalue()
    assert json.loads(file.read_text())["differences"] == {"missing": 1, "changed_since": 1}


def test_an_unknown_job_has_exit_code_two(db: None) -> None:
    with pytest.raises(CommandError) as unknown:
        call_command("verify_import", "999")

    assert unknown.value.returncode == 2


def test_lines_and_columns_named_like_ours_do_no_harm(importing: Importing) -> None:
    names = {"first_name": Column("line"), "email": Column("turn")}
    with temporarily(spec(declared=names)):
        job, _ = importing("verified", "legacy_id,line,turn\n1,%s,a@example.com\n")

        found = verify_import(job)

    assert found.is_signed_off
