"""Parents that a lookup creates, because the records refer to them and the table does not have them."""

import threading
import time
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections, transaction

from importer import Lookup, ModelImport
from importer.checks import check_spec
from importer.exceptions import MappingRefused
from importer.models import StagingRecord
from importer.rejects.report import make_report
from importer.rights import may_import_with
from importer.specs.registry import temporarily
from tests.importer.conftest import Importing
from tests.importer.real_tables.legacy import changed
from tests.importer.samples.crm.models import Contact
from tests.importer.samples.places.models import Place, Quarter, Region, Tag, Venue

pytestmark = pytest.mark.django_db(transaction=True)


def spec_of(model: Any = Place, *, declared: dict[str, Any] | None = None, **meta: Any) -> Any:
    options = {"model": model, "name": "made", **meta}
    region = Lookup("REGION", to="code", missing="create", defaults={"note": "made"}, transform=str.upper)
    return type(
        "Made", (ModelImport,), {"Meta": type("Meta", (), options), **(declared or {"region": region})}
    )


def regions() -> list[tuple[str, str, str]]:
    return list(Region.objects.order_by("code").values_list("code", "title", "note"))


def messages(job: Any) -> dict[int, str]:
    return {r.line: r.errors[0]["message"] for r in StagingRecord.objects.filter(job=job, state="rejected")}


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_missing_parent_is_made_once_and_validated_like_a_record(
    importing: Importing, settings: Any, size: int
) -> None:
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": size, "BATCH_SIZE_MIN": 1}
    Region.objects.create(code="OLD", title="kept")
    text = "code,REGION\na,new\nb,old\nc,NEW\nd,x\ne,\nf,far too long\ng,oth\n"
    with temporarily(spec_of()):
        job, result = importing("made", text)

    assert regions() == [("NEW", "unnamed", "made"), ("OLD", "kept", ""), ("OTH", "unnamed", "made")]
    assert (result.inserted, result.rejected) == (5, 2)
    assert messages(job) == {
        5: "The region cannot be created: code: Ensure this value has at least 2 characters (it has 1).",
        7: "The region cannot be created: code: Ensure this value has at most 4 characters (it has 12).",
    }
    assert dict(Place.objects.values_list("code", "region__code")) == {
        "a": "NEW", "b": "OLD", "c": "NEW", "e": None, "g": "OTH",
    }  # fmt: skip
    assert make_report(job).notes[-1] == "2 regions created, because records refer to them."


def test_a_record_that_is_not_written_leaves_no_parent_behind(importing: Importing) -> None:
    Place.objects.create(code="there")
    text = "code,seats,REGION\na,-1,one\nthere,1,two\nb,1,both\nc,-1,both\nd,x,four\n"
    with temporarily(spec_of(key=("code",), on_conflict="skip")):
        _, result = importing("made", text)
        _, again = importing("made", text.replace("a,-1,one", "a,1,one"))

    assert (result.inserted, result.skipped, result.rejected, again.inserted) == (1, 1, 3, 1)
    assert [code for code, _, _ in regions()] == ["BOTH", "ONE"]


def test_a_lost_batch_forgets_the_parents_it_has_made(importing: Importing) -> None:
    """A trigger ends the batch once, after its parents were made; the next try must make them again."""
    sql = """
        CREATE SEQUENCE tries;
        CREATE FUNCTION fails_once() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            IF nextval('tries') = 1 THEN RAISE SQLSTATE '40001'; END IF; RETURN NULL; END$$;
        CREATE TRIGGER fails_once AFTER INSERT ON places_place EXECUTE FUNCTION fails_once();
    """
    undo = "DROP FUNCTION fails_once CASCADE; DROP SEQUENCE tries"
    with changed(sql, undo), temporarily(spec_of()):
        _, result = importing("made", "code,REGION\na,one\nb,two\n")

    assert (result.status, result.inserted, [code for code, _, _ in regions()]) == (
        "completed",
        2,
        ["ONE", "TWO"],
    )


def test_a_parent_that_somebody_else_makes_at_the_same_time_is_used(importing: Importing) -> None:
    is_inserted, is_waited_for = threading.Event(), threading.Event()

    def insert() -> None:
        with transaction.atomic():
            Region.objects.create(code="RACE", note="theirs")
            is_inserted.set()
            is_waited_for.wait(20)
        connections.close_all()

    def commit_when_somebody_waits() -> None:
        with connection.cursor() as cursor:
            for _ in range(400):
                cursor.execute(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
                )
                if cursor.fetchone()[0]:
                    break
                time.sleep(0.05)
        is_waited_for.set()
        connections.close_all()

    threads = [threading.Thread(target=target) for target in (insert, commit_when_somebody_waits)]
    threads[0].start()
    is_inserted.wait(20)
    threads[1].start()
    with temporarily(spec_of()):
        _, result = importing("made", "code,REGION\na,race\nb,race\nc,own\n")
    for thread in threads:
        thread.join()

    assert (result.inserted, result.rejected) == (3, 0)
    assert [(code, note) for code, _, note in regions()] == [("OWN", "made"), ("RACE", "theirs")]
    assert Place.objects.filter(region__code="RACE").count() == 2


def test_a_parent_whose_key_changes_while_it_is_saved_is_not_left_behind(importing: Importing) -> None:
    sql = """
        CREATE FUNCTION renames() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN IF NEW.code = 'BAD' THEN NEW.code := 'GOOD'; END IF; RETURN NEW; END$$;
        CREATE TRIGGER renames BEFORE INSERT ON places_region FOR EACH ROW EXECUTE FUNCTION renames();
    """
    with changed(sql, "DROP FUNCTION renames CASCADE"), temporarily(spec_of()):
        job, result = importing("made", "code,REGION\na,bad\nb,fine\n")

    assert (result.inserted, [code for code, _, _ in regions()]) == (1, ["FINE"])
    assert messages(job) == {2: "The region cannot be created: clean() or a trigger gives it another key."}


@pytest.mark.parametrize(
    ("model", "name", "lookup", "fault"),
    [
        (
            Tag,
            "region",
            Lookup("r", to="title", missing="create"),
            "no unique constraint covers title",
        ),
        (
            Contact,
            "company",
            Lookup("c", to="code", missing="create"),
            'crm.Company must have a "name"; add defaults=',
        ),
        (
            Contact,
            "company",
            Lookup("c", to="code", missing="create", defaults={"name": "x" * 101}),
            "is not valid for",
        ),
        (
            Contact,
            "company",
            Lookup("c", to="code", missing="create", defaults={"nam": "x"}),
            'crm.Company has no field "nam"',
        ),
        (
            Contact,
            "company",
            Lookup("c", to="code", missing="create", defaults={"code": "x"}),
            '"code" is filled from the source',
        ),
    ],
)
def test_a_parent_that_can_never_be_made_is_refused_beforehand(
    importing: Importing, model: Any, name: str, lookup: Lookup, fault: str
) -> None:
    spec = spec_of(model, declared={name: lookup})

    problems = [problem for problem in check_spec(spec) if problem.id == "importer.E018"]

    assert len(problems) == 1
    assert problems[0].msg.startswith(f'Made: missing="create" on "{name}": ')
    assert fault in problems[0].msg
    with temporarily(spec), pytest.raises(MappingRefused, match='missing="create"'):
        importing("made", "a\n1\n")


def test_defaults_are_for_parents_that_are_made() -> None:
    with pytest.raises(ImproperlyConfigured, match='set missing="create"'):
        Lookup(to="code", defaults={"name": "x"})


def test_who_may_not_add_parents_may_not_import_with_such_a_spec() -> None:
    user = get_user_model().objects.create_user("ann@example.com", is_staff=True)
    rights = Permission.objects.filter(
        content_type__app_label="places", codename__in=["add_place", "add_region"]
    ).order_by("codename")
    with temporarily(spec_of()):
        user.user_permissions.add(rights[0])
        assert not may_import_with(user, "made")
        user.user_permissions.add(rights[1])
        assert may_import_with(get_user_model().objects.get(), "made")


def test_a_record_that_is_rejected_anyway_has_only_its_own_errors(importing: Importing) -> None:
    company = Lookup("COMPANY", to="code", missing="create", defaults={"name": "unnamed"})
    spec = spec_of(Contact, declared={"company": company}, fields=("legacy_id", "email"))
    with temporarily(spec):
        job, _ = importing("made", "legacy_id,email,COMPANY\nx,a@example.com,NEW\n")

    assert [error["field"] for error in StagingRecord.objects.get(job=job).errors] == ["legacy_id"]


def test_a_key_with_an_empty_part_makes_no_parent_and_is_not_lost_either(importing: Importing) -> None:
    Region.objects.create(code="IT")
    quarter = Lookup(("REGION", "NAME"), to=("region", "name"), missing="create")
    with temporarily(spec_of(Venue, declared={"quarter": quarter})):
        job, result = importing("made", f"code,REGION,NAME\na,{Region.objects.get().pk},old\nb,,old\nc,,\n")

    assert (result.inserted, result.rejected, Quarter.objects.count()) == (2, 1, 1)
    assert messages(job) == {3: 'There is no quarter with region, name ", old".'}


def test_a_parent_that_the_foreign_key_does_not_allow_is_not_made(importing: Importing) -> None:
    Region.objects.create(code="IT")
    quarter = Lookup(("REGION", "NAME"), to=("region", "name"), missing="create")
    with temporarily(spec_of(Venue, declared={"quarter": quarter})):
        job, _ = importing("made", f"code,REGION,NAME\na,{Region.objects.get().pk},closed\n")

    assert not Quarter.objects.exists()
    assert messages(job)[2].startswith("The quarter cannot be created: limit_choices_to does not allow it")
