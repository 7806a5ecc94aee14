"""Constants, files that only change existing rows, and empty cells that leave a value as it is."""

import datetime as dt
import itertools
import random
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from importer import Column, Constant, ModelImport
from importer.checks import check_spec
from importer.models import StagingRecord
from importer.rights import may_import_with
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Booking, Company, Contact, Period, Variants

pytestmark = pytest.mark.django_db(transaction=True)


def spec_of(
    model: Any, *, key: tuple[str, ...] = (), declared: dict[str, Any] | None = None, **options: Any
) -> Any:
    meta = type("Meta", (), {"model": model, "name": "partial", "key": key, **options})
    return type("Partial", (ModelImport,), {"Meta": meta, **(declared or {})})


def run(importing: Importing, spec: Any, text: str, **options: Any) -> Any:
    with temporarily(spec):
        job, result = importing("partial", text, **options)
    assert result.status == "completed", result.reason
    return job, result


# Constants


def test_a_constant_fills_a_sensitive_field_and_wins_over_a_column_of_its_name(importing: Importing) -> None:
    spec = spec_of(get_user_model(), declared={"password": Constant("!"), "is_staff": Constant(value=True)})

    run(importing, spec, "username,email,Password,name\nann,ann@example.com,plain,Ann\n")

    user = get_user_model().objects.get()
    assert (user.password, user.is_staff, user.has_usable_password()) == ("!", True, False)


def test_an_existing_row_keeps_its_own_value(importing: Importing) -> None:
    Contact.objects.create(legacy_id=1, email="a@b.cd", balance=7)
    spec = spec_of(Contact, key=("legacy_id",), on_conflict="update", declared={"balance": Constant("5.50")})

    run(importing, spec, "legacy_id,email\n1,new@b.cd\n2,b@b.cd\n")

    assert list(Contact.objects.order_by("legacy_id").values_list("email", "balance")) == [
        ("new@b.cd", 7),
        ("b@b.cd", 5.5),
    ]


def test_clean_sees_the_constant(importing: Importing) -> None:
    spec = spec_of(Period, declared={"ends": Constant(dt.date(2021, 1, 1))})

    job, result = run(importing, spec, "name,starts\nok,2020-01-01\nlate,2022-01-01\n")

    assert (result.inserted, result.rejected) == (1, 1)
    assert Period.objects.get().ends == dt.date(2021, 1, 1)
    assert StagingRecord.objects.get(job=job).errors[0]["code"] == "backwards"


def test_a_constant_may_be_a_parent(importing: Importing) -> None:
    company = Company.objects.create(code="C", name="x")
    for value in (company, company.pk):
        Contact.objects.all().delete()
        run(importing, spec_of(Contact, declared={"company": Constant(value)}), "legacy_id,email\n1,a@b.cd\n")
        assert Contact.objects.get().company == company


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("balance", "much", "must be a decimal number"),
        ("role", "king", "not a valid choice"),
        ("email", "", "blank"),
    ],
)
def test_an_invalid_constant_is_refused_before_the_first_record(
    importing: Importing, field: str, value: str, words: str
) -> None:
    spec = spec_of(Contact, declared={field: Constant(value)})
    [problem] = [problem for problem in check_spec(spec) if problem.id == "importer.E016"]
    assert words in problem.msg

    with temporarily(spec):
        _, result = importing("partial", "legacy_id,email\n1,a@b.cd\n")
    assert (result.status, result.read) == ("failed", 0)
    assert words in result.reason


def test_wrong_declarations_are_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="is a function"):
        Constant(timezone.now)
    with pytest.raises(ImproperlyConfigured, match="which is a Constant"):
        spec_of(Contact, key=("legacy_id",), declared={"legacy_id": Constant(1)})
    with pytest.raises(ImproperlyConfigured, match='no field "nope"'):
        spec_of(Contact, declared={"nope": Constant(1)})


def test_a_subclass_may_replace_a_constant_by_a_column() -> None:
    base = spec_of(Contact, declared={"role": Constant("user")})
    derived = type("Derived", (base,), {"role": Column("ROLE")})

    assert (base.constants.keys(), derived.constants, derived.declared.keys()) == ({"role"}, {}, {"role"})


# Only existing rows


@pytest.fixture
def bookings() -> None:
    for number in range(5):
        Booking.objects.create(
            number=f"N{number}", room=f"R{number}", day=dt.date(2021, 1, 1), nights=1, guests=number
        )


ROWS = "number,guests\nN1,5\nN9,6\nN2,2\nN8,1\nN3,99\n"


@pytest.mark.parametrize(("on_new", "skipped", "rejected"), [("skip", 2, 1), ("reject", 0, 3)])
@pytest.mark.parametrize("batch", [1, 100])
def test_a_file_of_two_columns_updates_existing_rows(
    importing: Importing, settings: Any, bookings: None, on_new: str, skipped: int, rejected: int, batch: int
) -> None:
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": batch, "BATCH_SIZE_MIN": 1}
    spec = spec_of(Booking, key=("number",), on_conflict="update", on_new=on_new)

    job, result = run(importing, spec, ROWS)

    assert dict(Booking.objects.values_list("number", "guests")) == {
        "N0": 0,
        "N1": 5,
        "N2": 2,
        "N3": 3,
        "N4": 4,
    }
    fates = (result.inserted, result.updated, result.unchanged, result.skipped, result.rejected)
    assert fates == (0, 1, 1, skipped, rejected)
    errors = {r.line: r.errors[0] for r in StagingRecord.objects.filter(job=job)}
    assert errors[6]["code"] == "crowded"  # a check constraint sees the row's own nights
    if on_new == "reject":
        assert (errors[3]["field"], errors[3]["code"]) == ("number", "does_not_exist")
        assert errors[3]["message"] == "There is no booking with this number."


def test_on_new_alone_means_an_update(importing: Importing, bookings: None) -> None:
    _, result = run(importing, spec_of(Booking, key=("number",), on_new="skip"), "number,guests\nN1,5\n")

    assert result.updated == 1


def test_a_model_with_sixty_required_fields_asks_only_for_the_key(importing: Importing) -> None:
    _, result = run(importing, spec_of(Variants, key=("id",), on_new="skip"), "id,char_required\n1,x\n")

    assert (result.skipped, result.rejected) == (1, 0)


def test_clean_runs_on_existing_rows_only(importing: Importing) -> None:
    period = Period.objects.create(name="a", starts=dt.date(2020, 1, 1), ends=dt.date(2021, 1, 1))
    spec = spec_of(Period, key=("id",), on_new="skip")
    text = f"id,starts\n{period.pk},2020-05-05\n{period.pk + 1},2020-05-05\n"

    _, result = run(importing, spec, text)
    assert (result.updated, result.skipped) == (1, 1)
    job, result = run(importing, spec, f"id,starts\n{period.pk},2022-05-05\n")
    assert StagingRecord.objects.get(job=job).errors[0]["code"] == "backwards"


def test_on_new_needs_an_update() -> None:
    with pytest.raises(ImproperlyConfigured, match="only existing rows change"):
        spec_of(Booking, key=("number",), on_conflict="skip", on_new="skip")
    with pytest.raises(ImproperlyConfigured, match='use "insert", "skip" or "reject"'):
        spec_of(Booking, key=("number",), on_new="ignore")
    assert "skip: only existing rows change" in explain(spec_of(Booking, key=("number",), on_new="skip"))


# Empty cells


KEEPING = {
    "email": Column(blank="keep"),
    "first_name": Column(blank="keep", null_values=("", "-")),
    "role": Column(blank="keep", default="manager"),
    "joined": Column(blank="keep", formats=("%d.%m.%Y",)),
}


def in_plain_python(
    rows: list[tuple[str, ...]], table: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    table = dict(table)
    for key, email, name, role, joined in rows:
        name = "" if name == "-" else name
        new = (email, name, role, joined)
        if key in table:
            table[key] = tuple(cell or old for cell, old in zip(new, table[key], strict=True))
        elif email:  # required, so that a new row must have it
            table[key] = (email, name, role or "manager", joined)
    return table


def as_texts(contact: Contact) -> tuple[str, ...]:
    joined = contact.joined.strftime("%d.%m.%Y") if contact.joined else ""
    return contact.email, contact.first_name, contact.role, joined


@pytest.mark.parametrize("batch", [1, 7, 500])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_empty_cell_leaves_the_value_of_an_existing_row(
    importing: Importing, settings: Any, batch: int, workers: int
) -> None:
    inline = "importer.executors.inline.execute"
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), batch) | {
        "CHUNK_BYTES": 600, "EXECUTORS": {"inline": inline, "as-many": inline},
    }  # fmt: skip
    Contact.objects.bulk_create(
        Contact(
            legacy_id=number,
            email=f"old{number}@b.cd",
            first_name="Old",
            role="admin",
            joined=dt.date(2000, 1, 1),
        )
        for number in range(20)
    )
    before = {str(contact.legacy_id): as_texts(contact) for contact in Contact.objects.all()}
    randomness = random.Random(batch)
    cells = (("a@b.cd", "b@b.cd", ""), ("Ann", "", "-"), ("user", ""), ("01.02.2021", ""))
    rows = [
        (str(randomness.randrange(40)), *(randomness.choice(choice) for choice in cells)) for _ in range(120)
    ]
    header = "legacy_id,email,first_name,role,joined\n"

    run(
        importing,
        spec_of(Contact, key=("legacy_id",), on_conflict="update", declared=KEEPING),
        header + "".join(",".join(row) + "\n" for row in rows),
        workers=workers,
        executor="as-many",
    )

    after = {str(contact.legacy_id): as_texts(contact) for contact in Contact.objects.all()}
    assert after == in_plain_python(rows, before)


def test_a_new_row_must_have_what_is_required(importing: Importing) -> None:
    spec = spec_of(Contact, key=("legacy_id",), on_conflict="update", declared=KEEPING)

    job, result = run(importing, spec, "legacy_id,email,first_name,role,joined\n1,,,,\n")

    assert (result.rejected, Contact.objects.count()) == (1, 0)
    [error] = StagingRecord.objects.get(job=job).errors
    assert (error["field"], error["code"], error["message"]) == (
        "email",
        "null",
        "This field cannot be null.",
    )


def test_the_default_of_an_empty_cell_is_for_new_rows_only(importing: Importing) -> None:
    Contact.objects.create(legacy_id=1, email="a@b.cd", balance=7, joined=dt.date(2000, 1, 1))
    declared = {
        "balance": Column(blank="keep", default=2.5),
        "joined": Column(blank="keep", default=dt.date(2021, 2, 3)),
    }
    spec = spec_of(Contact, key=("legacy_id",), on_conflict="update", declared=declared)

    _, result = run(importing, spec, "legacy_id,email,balance,joined\n1,a@b.cd,,\n2,b@b.cd,,\n")

    assert (result.inserted, result.unchanged) == (1, 1)
    assert list(Contact.objects.order_by("legacy_id").values_list("balance", "joined")) == [
        (7, dt.date(2000, 1, 1)),
        (2.5, dt.date(2021, 2, 3)),
    ]


def test_clean_sees_what_an_empty_cell_keeps(importing: Importing) -> None:
    period = Period.objects.create(name="a", starts=dt.date(2020, 1, 1), ends=dt.date(2021, 1, 1))
    spec = spec_of(
        Period, key=("id",), on_conflict="update",
        declared={"starts": Column(blank="keep"), "ends": Column(blank="keep"), "name": Column(blank="keep")},
    )  # fmt: skip

    run(importing, spec, f"id,name,starts,ends\n{period.pk},,,2020-06-06\n")
    period.refresh_from_db()
    assert (period.name, period.starts, period.ends) == ("a", dt.date(2020, 1, 1), dt.date(2020, 6, 6))

    job, _ = run(importing, spec, f"id,name,starts,ends\n{period.pk},,,2019-06-06\n")
    assert StagingRecord.objects.get(job=job).errors[0]["code"] == "backwards"


@pytest.mark.parametrize("options", [{"on_new": "skip"}, {}])
def test_keep_and_on_new_work_together(importing: Importing, bookings: None, options: dict[str, str]) -> None:
    declared = {"guests": Column(blank="keep"), "nights": Column(blank="keep")}
    spec = spec_of(Booking, key=("number",), on_conflict="update", declared=declared, **options)
    text = "number,room,day,guests,nights\n" + "".join(
        f"N{n},R{n},2021-01-01,{guests},{nights}\n"
        for n, (guests, nights) in enumerate(itertools.product(("", "7"), ("", "2")), 1)
    )

    run(importing, spec, text)

    assert list(Booking.objects.order_by("number").values_list("guests", "nights")) == [
        (0, 1), (1, 1), (2, 2), (7, 1), (7, 2),
    ]  # fmt: skip


def test_keep_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(ImproperlyConfigured, match="part of the key"):
        spec_of(Contact, key=("legacy_id",), declared={"legacy_id": Column(blank="keep")})
    with pytest.raises(ImproperlyConfigured, match='invalid blank "leave"'):
        Column(blank="leave")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"on_conflict": "update"}, {"add", "change"}),
        ({"on_conflict": "update", "on_new": "skip"}, {"change"}),
        ({"on_conflict": "skip"}, {"add"}),
    ],
)
def test_a_person_needs_the_rights_that_the_spec_uses(options: dict[str, str], wanted: set[str]) -> None:
    asked: set[str] = set()

    class Person:
        def has_perm(self, name: str) -> bool:
            asked.add(name.removeprefix("crm.").partition("_")[0])
            return True

    with temporarily(spec_of(Contact, key=("legacy_id",), **options)):
        assert may_import_with(Person(), "partial")
    assert asked == wanted
