"""Models whose rows have a part in each of several tables, compared with `full_clean()` and `save()`."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from importer import Column, Lookup, ModelImport
from importer.checks import check_spec
from importer.models import StagingRecord
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from importer.write.sample import Sample
from tests.importer.conftest import Importing
from tests.importer.real_tables.legacy import Record, as_csv, changed
from tests.importer.samples.places.models import (
    Boat,
    Branch,
    Engine,
    Hull,
    Place,
    Region,
    Restaurant,
    Trattoria,
)

pytestmark = pytest.mark.django_db(transaction=True)

RECORDS: list[Record] = [
    {"code": "a", "city": "Rome", "seats": "10", "stars": "2", "phone": "1"},
    {"code": "b", "city": "", "seats": "5", "stars": "1", "phone": ""},
    {"code": "c", "city": "", "seats": "-1", "stars": "1", "phone": "3"},  # refused by the parent's check
    {"code": "d", "city": "", "seats": "1", "stars": "4", "phone": "4"},  # by the child's
    {"code": "e", "city": "Rome", "seats": "10", "stars": "1", "phone": "5"},  # by the conditional constraint
    {
        "code": "taken",
        "city": "",
        "seats": "1",
        "stars": "1",
        "phone": "6",
    },  # by a place that is no restaurant
    {"code": "f", "city": "", "seats": "1", "stars": "1", "phone": "1"},  # by the child's unique field
    {"code": "a", "city": "", "seats": "1", "stars": "3", "phone": "7"},  # the first record again
    {"code": "g", "city": "", "seats": "x", "stars": "1", "phone": "8"},
    {"code": "old", "city": "Oslo", "seats": "3", "stars": "3", "phone": "9"},  # there is one already
    {"code": "h", "city": "Bonn", "seats": "2", "stars": "", "phone": "10"},
]


def spec_of(
    model: Any, *, key: tuple[str, ...] = (), declared: dict[str, Any] | None = None, **meta: Any
) -> Any:
    options = {"model": model, "name": "inherited", "key": key, **meta}
    return type("Inherited", (ModelImport,), {"Meta": type("Meta", (), options), **(declared or {})})


def rejected_lines(job: Any) -> set[int]:
    return set(StagingRecord.objects.filter(job=job, state="rejected").values_list("line", flat=True))


def save_by_hand(records: list[Record], on_conflict: str) -> set[int]:
    """Save each record with plain Django. Returns the lines that it refuses."""
    refused = set()
    for line, record in enumerate(records, 2):
        try:
            with transaction.atomic():
                _save(record, on_conflict)
        except (ValidationError, ValueError):
            refused.add(line)
    return refused


def _save(record: Record, on_conflict: str) -> None:
    values: dict[str, Any] = {name: text or None for name, text in record.items()} | {"city": record["city"]}
    row = Restaurant.objects.filter(code=record["code"]).first()
    if row is not None and on_conflict == "skip":
        return
    if row is None or on_conflict == "reject":
        row = Restaurant()
    for name, value in values.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()


def restaurants() -> list[tuple[Any, ...]]:
    return list(Restaurant.objects.order_by("code").values_list("code", "city", "seats", "stars", "phone"))


def start_anew() -> None:
    Place.objects.all().delete()
    Place.objects.create(code="taken", city="Paris")
    Restaurant.objects.create(code="old", city="Oslo", seats=2, phone="old")


@pytest.mark.parametrize("on_conflict", ["reject", "update", "skip"])
@pytest.mark.parametrize("size", [1, 100])
def test_records_become_what_save_makes_of_them(
    importing: Importing, settings: Any, on_conflict: str, size: int
) -> None:
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": size, "BATCH_SIZE_MIN": 1}
    start_anew()
    refused, expected = save_by_hand(RECORDS, on_conflict), restaurants()
    start_anew()

    with temporarily(spec_of(Restaurant, key=("code",), on_conflict=on_conflict)):
        job, result = importing("inherited", as_csv(RECORDS))

    assert (result.status, restaurants(), rejected_lines(job)) == ("completed", expected, refused)
    assert result.inserted == Restaurant.objects.count() - 1
    assert Place.objects.filter(restaurant=None).count() == 1, "no parent is left without its child"


def test_a_second_run_changes_nothing_and_each_table_s_change_counts(importing: Importing) -> None:
    text = "code,city,seats,stars\n" + "".join(f"r{n},,{n},1\n" for n in range(5))
    with temporarily(spec_of(Restaurant, key=("code",), on_conflict="update")):
        importing("inherited", text)
        before = dict(Restaurant.objects.values_list("code", "changed_at"))
        _, same = importing("inherited", text)
        _, changed = importing(
            "inherited", text.replace("r1,,1,1", "r1,Bonn,1,1").replace("r2,,2,1", "r2,,2,3")
        )

    after = dict(Restaurant.objects.values_list("code", "changed_at"))
    assert (same.updated, same.unchanged) == (0, 5)
    assert (changed.updated, changed.unchanged) == (2, 3)
    assert {code for code in after if after[code] != before[code]} == {"r1", "r2"}
    assert (
        Restaurant.objects.filter(city="Bonn", stars=1).count()
        == Restaurant.objects.filter(stars=3).count()
        == 1
    )


def test_the_source_may_bring_the_ids_and_the_sequence_moves_past_them(importing: Importing) -> None:
    with temporarily(spec_of(Restaurant, declared={"id": Column("no")})):
        _, result = importing("inherited", "no,code,stars\n70,a,1\n,b,2\n75,c,3\n")

    ids = dict(Restaurant.objects.values_list("code", "place_ptr_id"))
    assert (result.inserted, ids["a"], ids["c"]) == (3, 70, 75)
    assert Place.objects.create(code="next").pk > 75


def test_three_tables_with_clean_and_a_lookup_in_the_first(importing: Importing) -> None:
    Region.objects.create(code="IT")
    spec = spec_of(
        Trattoria, key=("code",), on_conflict="update", declared={"region": Lookup("where", to="code")}
    )
    with temporarily(spec):
        job, result = importing(
            "inherited", "code,city,where,pasta\na,roma,IT,penne\nb,bari,XX,fusilli\nc,,IT,none\n"
        )
        _, second = importing("inherited", "code,city,where,pasta\na,napoli,,orzo\n")

    assert (result.inserted, result.rejected, rejected_lines(job)) == (1, 2, {3, 4})
    assert (second.updated, second.inserted) == (1, 0)
    row = Trattoria.objects.get()
    assert (row.code, row.city, row.region, row.pasta) == ("a", "Napoli", None, "orzo")
    assert Place.objects.count() == Restaurant.objects.count() == 1


def test_two_parents_with_keys_of_two_kinds(importing: Importing) -> None:
    spec = spec_of(Boat, key=("name",), on_conflict="update")
    with temporarily(spec):
        _, first = importing("inherited", "name,power,length\none,1,10\ntwo,2,20\n")
        keys = dict(Boat.objects.values_list("name", "hull_ptr_id"))
        _, second = importing("inherited", "name,power,length\ntwo,2,25\nthree,3,30\n")

    assert (first.inserted, second.updated, second.inserted) == (2, 1, 1)
    assert sorted(Boat.objects.values_list("name", "power", "length")) == [
        ("one", 1, 10),
        ("three", 3, 30),
        ("two", 2, 25),
    ]
    assert keys.items() <= dict(Boat.objects.values_list("name", "hull_ptr_id")).items()
    assert Engine.objects.count() == Hull.objects.count() == 3


def test_only_some_columns_of_existing_rows(importing: Importing) -> None:
    start_anew()
    with temporarily(spec_of(Restaurant, key=("code",), on_new="skip")):
        _, result = importing("inherited", "code,stars\nold,3\nnew,2\ntaken,2\n")

    assert (result.updated, result.skipped) == (1, 2)
    assert Restaurant.objects.get().stars == 3
    assert Restaurant.objects.get().city == "Oslo"


@pytest.mark.parametrize("table", ["places_place", "places_restaurant"])
def test_a_row_that_a_trigger_drops_leaves_no_part_of_itself(importing: Importing, table: str) -> None:
    column = "code" if table == "places_place" else "phone"
    sql = f"""
        CREATE FUNCTION drops() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN IF NEW.{column} = 'no' THEN RETURN NULL; END IF; RETURN NEW; END$$;
        CREATE TRIGGER drops BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION drops();
    """
    with (
        changed(sql, "DROP FUNCTION drops CASCADE"),
        temporarily(spec_of(Restaurant, key=("code",), on_conflict="update")),
    ):
        job, result = importing("inherited", "code,phone,stars\na,1,1\nno,no,2\nc,3,3\n")

    assert (result.inserted, result.rejected, rejected_lines(job)) == (2, 1, {3})
    assert sorted(Place.objects.values_list("code", flat=True)) == ["a", "c"]


def test_a_dry_run_shows_the_changes_of_every_table_and_keeps_none(importing: Importing) -> None:
    start_anew()
    sample = Sample()
    with temporarily(spec_of(Restaurant, key=("code",), on_conflict="update")):
        _, result = importing(
            "inherited", "code,city,stars\nold,Bergen,3\nnew,,2\n", dry_run=True, sample=sample
        )

    assert (result.inserted, result.updated) == (1, 1)
    assert sample.updated == [{"key": ["old"], "changes": {"city": ["Oslo", "Bergen"], "stars": ["1", "3"]}}]
    assert Restaurant.objects.get().city == "Oslo"


def test_the_parent_link_is_not_for_a_spec_to_fill_and_explain_names_the_fields(settings: Any) -> None:
    spec = spec_of(Restaurant, declared={"place_ptr": Lookup("code", to="code")})
    assert [problem.id for problem in check_spec(spec)] == ["importer.E005"]

    text = explain(spec_of(Trattoria, key=("code",)))

    assert "places_place + places_restaurant + places_trattoria" in text
    assert "place_ptr" not in text


@pytest.mark.parametrize("size", [1, 100])
def test_a_parent_s_table_may_be_looked_up_while_it_is_filled(
    importing: Importing, settings: Any, size: int
) -> None:
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": size, "BATCH_SIZE_MIN": 1}
    spec = spec_of(Branch, key=("code",), declared={"head": Lookup("HEAD", to="code")})
    with temporarily(spec):
        job, result = importing("inherited", "code,HEAD\na,\nb,a\nc,nope\nd,b\n")

    assert (result.inserted, rejected_lines(job)) == (3, {4})
    assert dict(Branch.objects.values_list("code", "head__code")) == {"a": None, "b": "a", "d": "b"}


@pytest.mark.parametrize("on_conflict", ["reject", "update", "skip"])
def test_a_value_that_a_parent_alone_has_is_refused_in_django_s_words(
    importing: Importing, on_conflict: str
) -> None:
    start_anew()
    row = Restaurant(code="taken")
    with pytest.raises(ValidationError) as refusal:
        row.full_clean()
    with temporarily(spec_of(Restaurant, key=("code",), on_conflict=on_conflict)):
        job, result = importing("inherited", "code\ntaken\nfree\n")

    assert (result.inserted, result.rejected) == (1, 1)
    (error,) = StagingRecord.objects.get(job=job).errors
    assert refusal.value.message_dict == {error["field"]: [error["message"]]}
