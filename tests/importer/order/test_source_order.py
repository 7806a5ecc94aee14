"""The source's order decides as in plain Django, with any batch size and number of workers."""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
import pytest
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, connection, models, transaction

from importer import Lookup, ModelImport
from importer.models import MigrationLog, StagingRecord
from importer.order.rivals import folded
from importer.specs.registry import temporarily
from importer.write.collisions.rounds import rounds
from tests.importer.conftest import Importing
from tests.importer.samples.order.models import Badge, Draft, Nickname, Node, Price, Slot, Weight
from tests.importer.ways import AS_MANY, as_csv, sizes

pytestmark = pytest.mark.django_db(transaction=True)
Record = Mapping[str, str]


def in_plain_django(
    model: type[models.Model], records: Iterable[Record], *, key: str = "", parent: str = ""
) -> list[Any]:
    """Return the table that a loop writes. `key`: the field that updates match. `parent`: the parents' key field.

    Records whose parent is not there yet are saved at the end, each after its parent.
    """
    orphans = []
    for record in records:
        if has_parent(model, record, parent):
            save(model, record, key, parent)
        else:
            orphans.append(record)
    while ready := [record for record in orphans if has_parent(model, record, parent)]:
        orphans = [record for record in orphans if record not in ready]
        for record in ready:
            save(model, record, key, parent)
    return table(model)


def has_parent(model: type[models.Model], record: Record, parent: str) -> bool:
    name = record.get("parent") if parent else ""
    return not name or model._base_manager.filter(**{parent: name}).exists()


def save(model: type[models.Model], record: Record, key: str, parent: str) -> None:
    values: dict[str, Any] = {name: text or None for name, text in record.items()}
    try:
        with transaction.atomic():
            if parent and values["parent"]:
                values["parent"] = model._base_manager.get(**{parent: values["parent"]})
            row: Any = key and model._base_manager.filter(**{key: values[key]}).first()
            row = row or model()
            for name, value in values.items():
                is_text = isinstance(model._meta.get_field(name), models.CharField)
                setattr(row, name, "" if value is None and is_text else value)
            row.full_clean()
            row.save()
    except (ValidationError, IntegrityError, ObjectDoesNotExist, MultipleObjectsReturned):
        return


def table(model: type[models.Model]) -> list[Any]:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = [f"{field.name}__code" if field.is_relation else field.name for field in fields]
    rows: Any = model._base_manager.values_list(*names)
    return sorted(rows, key=str)


def records_of(header: str, *rows: str) -> list[dict[str, str]]:
    return [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]


RIVALS = [
    (Weight, "order.weight", "", records_of("grams", "1", "1.0", "2", "2e0", "3")),
    (Slot, "order.slot", "", records_of("code,hour", "a,", "b,", "c,1", "d,1", "e,")),
    (Slot, "order.slot-update", "code", records_of("code,hour", "a,1", "b,", "a,", "b,2", "a,", "c,1")),
    (Draft, "order.draft", "", records_of("code,title", "a,x", "b,x", "c,y", "d,y")),
    (Draft, "order.draft-update", "code", records_of("code,title", "a,x", "b,y", "a,y", "b,z", "a,y")),
    (Nickname, "order.nickname", "", records_of("name", "Ann", "ann", "Bob", "ANN", "bob")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "spec", "key", "records"), RIVALS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_records_that_meet_unseen_are_taken_in_order(
    importing: Importing, settings: Any, *, model: Any, spec: str, key: str, records: list[dict[str, str]]
) -> None:
    expected = in_plain_django(model, records, key=key)

    for batch, workers in ((1, 1), (100, 1), (2, 2)):
        model._base_manager.all().delete()
        sizes(settings, batch)
        job, _ = importing(spec, as_csv(records), workers=workers)
        assert table(model) == expected, (batch, workers)

    told = [e.reason for e in MigrationLog.objects.filter(job=job, event="survey")]
    assert bool(told) == (model is Draft)
    assert all('the database fills "state"' in reason for reason in told)


def test_an_update_may_release_a_value_for_a_later_record(importing: Importing, settings: Any) -> None:
    before = records_of("code,mail", *(f"{n},m{n}" for n in range(20)))
    # Each record takes the value of the next one; of a pair only the later record gets it.
    records = records_of("code,mail", *(f"{n},m{n + 1}" for n in range(19, -1, -1)), "x,m0", "y,m5")
    in_plain_django(Badge, before)
    expected = in_plain_django(Badge, records, key="code")

    for workers in (1, 2):
        Badge.objects.all().delete()
        in_plain_django(Badge, before)
        sizes(settings, 3)
        job, _ = importing("order.badge-update", as_csv(records), workers=workers)
        assert table(Badge) == expected

    assert MigrationLog.objects.filter(job=job, event="gathered").exists()


def test_two_workers_keep_an_empty_table_to_themselves(importing: Importing, settings: Any) -> None:
    records = records_of("code,mail", *(f"{n},m{n}" for n in range(20)), "3,m30", "x,m3")
    expected = in_plain_django(Badge, records, key="code")
    Badge.objects.all().delete()
    sizes(settings, 3)

    job, _ = importing("order.badge-update", as_csv(records), workers=2)

    assert table(Badge) == expected
    assert not MigrationLog.objects.filter(job=job, event__in=["survey", "gathered"]).exists()


def test_equal_numbers_and_moments_meet_however_they_are_written(importing: Importing, settings: Any) -> None:
    records = records_of(
        "amount,at",
        *(f"{n},2024-01-01T00:00:{n:02}Z" for n in range(20)),
        "3.0,2025-01-01T00:00Z",
        "30,2024-01-01T01:00:04+01:00",
        "-0.00,2026-01-01T00:00Z",
        "40.5,2027-01-01 00:00:00",
        "40.50,2027-01-01 00:00:01",
    )
    expected = in_plain_django(Price, records)
    Price.objects.all().delete()
    sizes(settings, 3)

    job, _ = importing("order.price", as_csv(records), workers=2)

    assert table(Price) == expected
    assert not MigrationLog.objects.filter(job=job, event="survey").exists()


FAMILIES = {
    "a chain": ["a,,", "b,,a", "c,,a", "d,,b", "e,,zzz", "f,,f", "g,,h", "h,,d"],
    "children first": ["d,,b", "b,,a", "a,,", "c,,d", "b,,a", "x,,b"],
    "again": ["a,1,", "b,1,a", "a,2,", "c,1,b", "b,2,c", "d,1,a", "a,3,d"],
}


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize("spec", ["order.node", "order.node-update", "nodes-by-label"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_record_may_refer_to_an_earlier_one(
    importing: Importing, settings: Any, *, family: str, spec: str, batch: int
) -> None:
    records = records_of("code,label,parent", *FAMILIES[family])
    if spec == "nodes-by-label":
        records = [
            {"code": r["code"], "label": r["code"].upper(), "parent": r["parent"].upper()} for r in records
        ]
    expected = in_plain_django(
        Node,
        records,
        key="" if spec == "order.node" else "code",
        parent="label" if spec == "nodes-by-label" else "code",
    )
    Node.objects.all().delete()
    sizes(settings, batch)

    importing(spec, as_csv(records), **AS_MANY)

    assert table(Node) == expected


@pytest.mark.parametrize("batch", [3, 1000])
def test_a_tree_comes_in_whatever_order(importing: Importing, settings: Any, *, batch: int) -> None:
    ordered = records_of("code,label,parent", *(f"{n},,{n // 2 if n > 1 else ''}" for n in range(1, 100)))
    chain = records_of("code,label,parent", "c0,,", *(f"c{n},,c{n - 1}" for n in range(1, 60)))
    lost = records_of("code,label,parent", "x,,y", "z,,x", "p,,q", "q,,p", "self,,self")
    records = ordered + chain + lost
    sizes(settings, batch)
    for shuffle in (lambda: records.reverse(), lambda: random.Random(3).shuffle(records)):
        Node.objects.all().delete()
        shuffle()

        job, result = importing("order.node", as_csv(records), **AS_MANY)

        assert (result.inserted, result.rejected) == (159, 5)
        names = Node.objects.values_list("code", "parent__code")
        assert {code: parent or "" for code, parent in names} == {
            r["code"]: r["parent"] for r in ordered + chain
        }
        rejected = StagingRecord.objects.filter(job=job)
        assert {(r.state, r.raw["code"], r.errors[0]["code"]) for r in rejected} == {
            ("rejected", r["code"], "does_not_exist") for r in lost
        }


def test_what_an_import_changes_is_looked_up_again(importing: Importing, settings: Any) -> None:
    records = records_of("code,label,parent", "a,A,", "b,B,A", "a,X,", "c,C,A", "d,D,X")
    expected = in_plain_django(Node, records, key="code", parent="label")

    for batch in (1, 100):
        Node.objects.all().delete()
        sizes(settings, batch)
        importing("nodes-by-label", as_csv(records), **AS_MANY)
        assert table(Node) == expected


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_values_change_hands_as_in_plain_django(importing: Importing, settings: Any, *, batch: int) -> None:
    randomness = random.Random(7)
    before = records_of("code,mail", *(f"{n},m{n}" for n in range(40)))
    records = records_of(
        "code,mail", *(f"{randomness.randrange(45)},m{randomness.randrange(45)}" for _ in range(120))
    )
    in_plain_django(Badge, before)
    expected = in_plain_django(Badge, records, key="code")
    Badge.objects.all().delete()
    in_plain_django(Badge, before)
    sizes(settings, batch)

    importing("order.badge-update", as_csv(records), **AS_MANY)

    assert table(Badge) == expected


def test_a_swap_of_many_values_takes_two_rounds() -> None:
    assert rounds([[1, 2], [3, 4], [6, 5], [2, 1]]) == [[1, 3, 5], [2, 4, 6]]
    assert rounds([[1, 2], [2, 3], [7]]) == [[1, 7], [2], [3]]
    assert rounds([]) == []


LANGUAGES = ("C", "pg_c_utf8", "pg_unicode_fast", "und-x-icu", "tr-x-icu", "lt-x-icu", "el-x-icu")


def test_folded_texts_tell_whatever_any_language_compares_alike() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT collname FROM pg_collation WHERE collname = ANY(%s)", [list(LANGUAGES)])
        known = [name for (name,) in cursor.fetchall()]
        assert "pg_c_utf8" in known  # the others as the server has them
        for name in known:
            cursor.execute(
                f"SELECT c, lower(c COLLATE \"{name}\"), upper(c COLLATE \"{name}\"), '  ' || c || ' ' FROM ("
                "SELECT chr(n) AS c FROM generate_series(1, 131071) AS n WHERE n NOT BETWEEN 55296 AND 57343) AS all_"
            )
            plain, *others = map(pl.Series, zip(*cursor.fetchall(), strict=True))
            for other in others:
                differs = (folded(plain) != folded(other)).arg_true()
                assert differs.is_empty(), (name, plain[int(differs[0])], other[int(differs[0])])
    assert (
        folded(pl.Series(["Straße", "STRASSE", "stra\u017f\u017fe", "Şişli", "ŞİŞLİ", "şışlı"])).n_unique()
        == 2
    )
    assert folded(pl.Series(["Ann", "Anna", "", "12"])).n_unique() == 4


class NodesWithout(ModelImport):
    """A parent that is nowhere is left out, also where the batch is written at once."""

    class Meta:
        model = Node
        name = "nodes-without"

    parent = Lookup("parent", to="code", missing="null")


@pytest.mark.parametrize("batch", [1, 100])
def test_a_parent_may_be_left_out(importing: Importing, settings: Any, *, batch: int) -> None:
    sizes(settings, batch)
    records = records_of("code,label,parent", "a,,", "b,,a", "c,,nobody", "d,,c")

    with temporarily(NodesWithout):
        _, result = importing("nodes-without", as_csv(records))

    assert (result.status, result.inserted) == ("completed", 4)
    names = dict(Node.objects.values_list("code", "parent__code"))
    assert names == {"a": None, "b": "a", "c": None, "d": "c"}


class NodesOfOneLabel(ModelImport):
    class Meta:
        model = Node
        name = "nodes-of-one-label"

    parent = Lookup("parent", to="label")


@pytest.mark.parametrize("batch", [1, 100])
def test_a_parent_that_is_not_the_only_one_is_refused(
    importing: Importing, settings: Any, *, batch: int
) -> None:
    sizes(settings, batch)
    records = records_of("code,label,parent", "a,A,", "b,A,", "c,C,A", "d,D,C")

    with temporarily(NodesOfOneLabel):
        job, result = importing("nodes-of-one-label", as_csv(records))

    assert (result.status, result.inserted) == ("completed", 2)
    rejected = StagingRecord.objects.filter(job=job).order_by("line")
    assert [(r.raw["code"], r.errors[0]["code"]) for r in rejected] == [
        ("c", "ambiguous"),
        ("d", "does_not_exist"),
    ]
