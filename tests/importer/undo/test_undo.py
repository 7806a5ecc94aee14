"""An undo leaves the table as it was before the job, save what others have done since."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db.models.signals import pre_delete
from django.utils import timezone

from importer import Lookup, ModelImport, run_import
from importer.exceptions import ImporterError
from importer.models import BeforeImage, DataImportJob, ImportTransaction, MigrationLog
from importer.privacy.erase import erase_user
from importer.privacy.retention import prune_undo
from importer.rejects.replay import RejectsRefused, replay_rejects
from importer.specs.registry import temporarily
from importer.undo.undo import undo_import
from importer.undo.written import UndoRefused
from tests.importer.conftest import Importing
from tests.importer.real_tables.legacy import execute
from tests.importer.samples.crm.models import Company, Contact
from tests.importer.samples.places.models import Place, Region
from tests.importer.work.test_every_shape import KEYED, SHAPES, WAYS, sizes, stored, table_of

pytestmark = pytest.mark.django_db(transaction=True)
CONTACTS = "legacy_id,email\n" + "".join(f"{n},c{n}@example.com\n" for n in range(1, 8))


def contacts(importing: Importing, text: str = CONTACTS, **meta: Any) -> DataImportJob:
    with temporarily(spec(**meta)):
        job, result = importing("contacts-undone", text)
    assert result.status == "completed", result
    return job


def spec(**meta: Any) -> type[ModelImport]:
    options = {"model": Contact, "name": "contacts-undone", "key": ("legacy_id",), **meta}
    return type("ContactsUndone", (ModelImport,), {"Meta": type("Meta", (), options)})


def undone(job: DataImportJob, **options: Any) -> Any:
    with temporarily(spec()):
        return undo_import(job, **options)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_after_undo_the_table_is_that_of_before(folder: Path, settings: Any, shape: str, way: str) -> None:
    with table_of(shape) as (table, records):
        sizes(settings, 7)
        result = table.run(records, folder, **WAYS[way])
        assert len(stored()) == result.inserted > 50

        with temporarily(table.spec("reject")):
            preview = undo_import(result.job, dry_run=True)
            undo = undo_import(result.job)

        assert stored() == []
        assert (preview.deleted, undo.deleted, undo.is_complete) == (result.inserted, result.inserted, True)


@pytest.mark.parametrize("batch", [1, 7, 10_000])
@pytest.mark.parametrize("shape", KEYED)
def test_after_undo_rows_that_were_updated_are_as_before(
    folder: Path, settings: Any, shape: str, batch: int
) -> None:
    with table_of(shape, key=("code",)) as (table, records):
        table.by_hand([record | {"name": "before"} for record in records[::3]])
        before = table.rows()
        sizes(settings, batch)
        result = table.run(records, folder, on_conflict="update", keep_before=True)
        assert result.updated > 10

        with temporarily(table.spec("update")):
            preview = undo_import(result.job, dry_run=True)
            undo = undo_import(result.job)

        assert table.rows() == before
        assert undo.is_complete, undo
        assert (preview.deleted, preview.restored) == (undo.deleted, undo.restored)
        assert undo.deleted == result.inserted


def test_rows_that_were_changed_since_stay(importing: Importing) -> None:
    job = contacts(importing)
    Contact.objects.filter(legacy_id=3).update(email="changed@example.com")
    Contact.objects.filter(legacy_id=4).delete()
    Contact.objects.create(legacy_id=99, email="of@somebody.else")

    undo = undone(job)

    assert (undo.deleted, undo.changed) == (5, 2)
    assert sorted(Contact.objects.values_list("legacy_id", flat=True)) == [3, 99]


def test_rows_survive_what_a_database_does_to_its_files(importing: Importing) -> None:
    job = contacts(importing)
    execute(f"VACUUM FULL {Contact._meta.db_table}")
    execute(f"VACUUM FREEZE {Contact._meta.db_table}")
    execute(f"CLUSTER {Contact._meta.db_table} USING {Contact._meta.db_table}_pkey")

    assert undone(job).deleted == 7


def test_a_database_that_was_restored_from_a_dump_is_refused(importing: Importing) -> None:
    job = contacts(importing)
    marks, rows = ImportTransaction._meta.db_table, Contact._meta.db_table
    execute(
        f"CREATE TABLE of_dump AS SELECT * FROM {marks}; TRUNCATE {marks}; INSERT INTO {marks} SELECT * FROM of_dump"
    )
    execute(f"DROP TABLE of_dump; UPDATE {rows} SET email = email")

    with pytest.raises(UndoRefused, match="restored from a dump"):
        undone(job)

    assert Contact.objects.count() == 7


def test_a_job_of_before_undo_existed_is_refused(importing: Importing) -> None:
    job = contacts(importing)
    ImportTransaction.objects.all().delete()

    with pytest.raises(UndoRefused, match="did not remember"):
        undone(job)


def companies(importing: Importing) -> DataImportJob:
    meta = {"model": Company, "name": "companies"}
    with temporarily(type("Companies", (ModelImport,), {"Meta": type("Meta", (), meta)})):
        job, _ = importing("companies", "code,name\n" + "".join(f"C{n},x\n" for n in range(5)))
    return job


def companies_undone(job: DataImportJob, **options: Any) -> Any:
    meta = {"model": Company, "name": "companies"}
    with temporarily(type("Companies", (ModelImport,), {"Meta": type("Meta", (), meta)})):
        return undo_import(job, **options)


def test_a_row_that_others_depend_on_stays_and_says_why(importing: Importing) -> None:
    job = companies(importing)
    parent = Company.objects.get(code="C2")
    Contact.objects.create(legacy_id=1, email="a@example.com", company=parent)

    undo = companies_undone(job)

    assert (undo.deleted, undo.refused) == (4, 1)
    assert undo.reasons == {parent.pk: "1 contact of others depends on it"}
    assert Contact.objects.get().company == parent


def test_of_many_rows_that_stay_the_first_are_named(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = companies(importing)
    for number, company in enumerate(Company.objects.all()):
        for mail in "ab":
            Contact.objects.create(
                legacy_id=f"{number}{'ab'.index(mail)}", email=f"{mail}{number}@example.com", company=company
            )
    monkeypatch.setattr("importer.undo.undo.TOGETHER", 2)
    monkeypatch.setattr("importer.undo.delete.MOST_NAMED", 3)

    undo = companies_undone(job)

    assert (undo.deleted, undo.refused) == (0, 5)
    assert list(undo.reasons.values()) == ["2 contacts of others depend on it"] * 3


def test_what_depends_on_a_row_goes_with_it_where_that_is_wanted(importing: Importing) -> None:
    job = companies(importing)
    Contact.objects.create(legacy_id=1, email="a@example.com", company=Company.objects.get(code="C2"))

    preview = companies_undone(job, dry_run=True, with_related=True)
    assert Contact.objects.count() == 1
    undo = companies_undone(job, with_related=True)

    assert preview.related == undo.related == {"contacts": 1}
    assert (Company.objects.count(), Contact.objects.count()) == (0, 0)


def test_a_receiver_that_raises_keeps_its_row(importing: Importing) -> None:
    def refuse(instance: Any, **_: Any) -> None:
        if instance.legacy_id == 3:
            raise RuntimeError("the archive is closed")

    job = contacts(importing)
    key = Contact.objects.get(legacy_id=3).pk
    pre_delete.connect(refuse, sender=Contact)
    try:
        undo = undone(job)
    finally:
        pre_delete.disconnect(refuse, sender=Contact)

    assert (undo.deleted, undo.reasons) == (6, {key: "the archive is closed"})
    assert undone(job).deleted == 1


def test_parents_that_the_job_created_go_unless_something_uses_them(importing: Importing) -> None:
    region = Lookup("REGION", to="code", missing="create", defaults={"note": "made"})
    meta = type("Meta", (), {"model": Place, "name": "places-undone"})
    with temporarily(type("Places", (ModelImport,), {"Meta": meta, "region": region})):
        job, _ = importing("places-undone", "code,REGION\na,NEW\nb,OTH\n")
        Place.objects.create(code="z", region=Region.objects.get(code="OTH"))

        undo = undo_import(job)

    assert (undo.deleted, undo.parents) == (2, 1)
    assert list(Region.objects.values_list("code", flat=True)) == ["OTH"]


def test_a_job_changes_rows_that_it_has_inserted_itself(importing: Importing, settings: Any) -> None:
    """A later record of the same key updates the row of the earlier one; it is an inserted row all the same."""
    sizes(settings, 1)
    job = contacts(importing, CONTACTS + "3,later@example.com\n", on_conflict="update", duplicates="last")

    undo = undone(job)

    assert (undo.deleted, undo.is_complete) == (7, True)
    assert not Contact.objects.exists()


def test_updates_without_images_stay_and_are_counted(importing: Importing) -> None:
    Contact.objects.create(legacy_id=3, email="before@example.com")
    job = contacts(importing, on_conflict="update")

    with temporarily(spec(on_conflict="update")):
        undo = undo_import(job)

    assert (undo.deleted, undo.restored, undo.not_kept) == (6, 0, 1)
    assert Contact.objects.get().email == "c3@example.com"


def test_what_somebody_changed_between_two_updates_is_put_back(importing: Importing, settings: Any) -> None:
    Contact.objects.create(legacy_id=3, email="before@example.com")
    job = contacts(importing, on_conflict="update", keep_before=True)
    Contact.objects.filter(legacy_id=3).update(email="changed@example.com")

    with temporarily(spec(on_conflict="update")):
        undo = undo_import(job)

    assert (undo.deleted, undo.restored, undo.refused) == (6, 0, 1)
    assert "changed or deleted since" in next(iter(undo.reasons.values()))
    assert Contact.objects.get().email == "changed@example.com"


def test_a_person_who_is_erased_is_erased_from_the_images(importing: Importing) -> None:
    Contact.objects.create(legacy_id=3, email="ann@example.com")
    Contact.objects.create(legacy_id=4, email="bob@example.com")
    contacts(importing, on_conflict="update", keep_before=True)
    ann = get_user_model().objects.create_user("ann@example.com")

    said = erase_user(ann)

    assert "1 rows as they were before an import changed them" in said["erased"]
    assert [image.row["email"] for image in BeforeImage.objects.all()] == ["bob@example.com"]


def test_what_undo_needs_is_deleted_in_time(importing: Importing) -> None:
    Contact.objects.create(legacy_id=3, email="before@example.com")
    job = contacts(importing, on_conflict="update", keep_before=True)
    assert prune_undo(30) == 0
    long_ago = timezone.now() - dt.timedelta(days=31)
    DataImportJob.objects.update(created_at=long_ago, started_at=long_ago, finished_at=long_ago)

    assert prune_undo(30) == 1
    with pytest.raises(UndoRefused):
        undone(job)


def test_an_undone_job_is_neither_run_again_nor_replayed(importing: Importing) -> None:
    job = contacts(importing)
    undone(job)
    job.refresh_from_db()

    with temporarily(spec()):
        with pytest.raises(ImporterError, match="was undone"):
            run_import(job)
        with pytest.raises(RejectsRefused, match="was undone"):
            replay_rejects(job)

    assert job.undone == 7
    assert MigrationLog.objects.filter(job=job, event="undone").count() == 1
    assert undone(job).deleted == 0


def test_the_command_says_what_it_did_and_what_stays(importing: Importing, capsys: Any) -> None:
    job = contacts(importing)
    Contact.objects.filter(legacy_id=3).update(email="changed@example.com")

    with temporarily(spec()):
        call_command("undo_import", str(job.pk), dry_run=True)
        with pytest.raises(CommandError) as refusal:
            call_command("undo_import", str(job.pk))
        call_command("undo_import", str(job.pk), "--dry-run", "--json")

    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        f"Job {job.pk}: 6 rows would be deleted.",
        "  1 rows stay as they are: they were changed or deleted since.",
    ]
    assert told[2] == f"Job {job.pk}: 6 rows deleted."
    assert (refusal.value.returncode, str(refusal.value)) == (1, f"Some rows of job {job.pk} stay.")
    assert json.loads(told[-1])["changed"] == 1
