"""Keys and unique sets: collisions with the table, within the source, and with constraints."""

import random
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from importer.models import DataImportJob, StagingRecord
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Booking, Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
BOOKINGS = "number,room,day,nights,guests,paid\n"


def contact(number: int, name: str = "Ann", balance: str = "1") -> str:
    return f"{number},a{number}@example.com,{name},user,,,{balance}\n"


def rejected(job: DataImportJob) -> list[tuple[int, str, str]]:
    records = StagingRecord.objects.filter(job=job, state="rejected").order_by("line")
    return [(r.line, r.errors[0]["field"], r.errors[0]["code"]) for r in records]


def test_update_changes_what_differs_and_counts_what_does_not(importing: Importing) -> None:
    importing("contacts", HEADER + contact(1) + contact(2) + contact(3))
    untouched = Contact.objects.get(legacy_id=1)

    _, result = importing("contacts", HEADER + contact(1) + contact(2, "Bob") + contact(4))

    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 1)
    assert Contact.objects.get(legacy_id=2).first_name == "Bob"
    assert Contact.objects.get(legacy_id=1).updated_at == untouched.updated_at
    assert Contact.objects.get(legacy_id=2).created_at < Contact.objects.get(legacy_id=2).updated_at


def test_skip_leaves_existing_rows_alone(importing: Importing) -> None:
    importing("contacts-skip", HEADER + contact(1))

    _, result = importing("contacts-skip", HEADER + contact(1, "Bob") + contact(2) + contact(2, "Cid"))

    assert (result.inserted, result.skipped) == (1, 2)
    assert set(Contact.objects.values_list("first_name", flat=True)) == {"Ann"}


def test_reject_says_in_djangos_words_that_the_key_exists(importing: Importing) -> None:
    importing("contacts-insert", HEADER + contact(1))

    job, result = importing("contacts-insert", HEADER + contact(2) + contact(1) + contact(2))

    assert (result.inserted, result.rejected) == (1, 2)
    assert rejected(job) == [(3, "legacy_id", "unique"), (4, "legacy_id", "unique")]
    record = StagingRecord.objects.filter(job=job).first()
    assert record is not None
    assert record.errors[0]["message"] == "Contact with this Legacy id already exists."


def test_the_last_of_several_records_with_one_key_wins_an_update(importing: Importing) -> None:
    _, result = importing(
        "contacts", HEADER + contact(1, "A") + contact(2) + contact(1, "B") + contact(1, "C")
    )

    assert (result.inserted, result.updated) == (2, 2)
    assert Contact.objects.get(legacy_id=1).first_name == "C"


def test_each_unique_set_and_check_is_told_apart(importing: Importing) -> None:
    Booking.objects.create(number="B0", room="R0", day="2024-01-01", nights=1, guests=1)

    job, result = importing(
        "bookings",
        BOOKINGS
        + "B1,R1,2024-01-01,1,1,0\n"
        + "B0,R2,2024-01-01,1,1,0\n"  # number of an existing row
        + "B2,R0,2024-01-01,1,1,0\n"  # room and day of an existing row
        + "B1,R3,2024-01-01,1,1,0\n"  # number of line 2
        + "B3,R1,2024-01-01,1,1,0\n"  # room and day of line 2
        + "B4,R4,2024-01-01,1,99,0\n"  # check
        + "B5,R5,2024-01-01,1,7,1\n"
        + "B6,R6,2024-01-01,1,7,1\n"  # conditional constraint, found by halves
        + "B7,R7,2024-01-01,0,1,0\n",  # validator
    )

    assert (result.inserted, result.rejected) == (2, 7)
    assert rejected(job) == [
        (3, "number", "unique"),
        (4, "", "unique_together"),
        (5, "number", "unique"),
        (6, "", "unique_together"),
        (7, "", "crowded"),
        (9, "", "unique"),
        (10, "nights", "min_value"),
    ]


def test_a_record_that_collides_with_a_rejected_one_does_not_collide(importing: Importing) -> None:
    _, result = importing(
        "bookings",
        BOOKINGS + "B1,R1,2024-01-01,1,1,0\n" + "B1,R2,2024-01-01,1,1,0\n" + "B3,R2,2024-01-01,1,1,0\n",
    )

    assert (result.inserted, result.rejected) == (2, 1)
    assert set(Booking.objects.values_list("number", flat=True)) == {"B1", "B3"}


def test_updating_may_not_take_another_rows_place(importing: Importing) -> None:
    importing("bookings", BOOKINGS + "B1,R1,2024-01-01,1,1,0\n" + "B2,R2,2024-01-01,1,1,0\n")

    job, result = importing(
        "bookings-update", BOOKINGS + "B2,R1,2024-01-01,1,1,0\n" + "B1,R1,2024-01-01,3,1,0\n"
    )

    assert (result.updated, result.rejected) == (1, 1)
    assert rejected(job) == [(2, "", "unique_together")]


@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.long), 7, 10_000])
@pytest.mark.parametrize("spec", ["bookings", "bookings-update"])
def test_any_batch_size_gives_the_same_table(
    importing: Importing, settings: Any, batch: int, spec: str
) -> None:
    randomness = random.Random(3)
    text = BOOKINGS + "".join(
        f"B{randomness.randrange(60)},R{randomness.randrange(20)},2024-01-0{randomness.randrange(1, 8)},"
        f"{randomness.randrange(4)},{randomness.randrange(30)},{randomness.randrange(2)}\n"
        for _ in range(150)
    )
    settings.IMPORTER |= {"BATCH_SIZE_MIN": 1, "BATCH_SIZE_INITIAL": 1, "BATCH_SIZE_MAX": 1}
    job, expected = importing(spec, text)
    table = list(
        Booking.objects.order_by("number").values_list("number", "room", "day", "nights", "guests", "paid")
    )
    reasons = rejected(job)
    Booking.objects.all().delete()

    settings.IMPORTER |= {"BATCH_SIZE_MIN": batch, "BATCH_SIZE_INITIAL": batch, "BATCH_SIZE_MAX": batch}
    job, result = importing(spec, text)

    assert (
        list(
            Booking.objects.order_by("number").values_list(
                "number", "room", "day", "nights", "guests", "paid"
            )
        )
        == table
    )
    assert [line for line, *_ in rejected(job)] == [line for line, *_ in reasons]
    assert result.read == expected.read == 150


def test_a_finished_job_run_again_writes_nothing(importing: Importing) -> None:
    from importer import run_import

    job, first = importing("contacts", HEADER + contact(1))
    Contact.objects.all().delete()

    again = run_import(job)

    assert again == first
    assert not Contact.objects.exists()


def test_a_key_with_two_parents_is_no_key(importing: Importing) -> None:
    Company.objects.create(code="C1", name="Same")
    Company.objects.create(code="C2", name="Same")

    job, _ = importing("contacts-by-company-name", HEADER + "1,a@example.com,Ann,user,Same,,1\n")

    assert rejected(job) == [(2, "company", "ambiguous")]


def test_a_unique_constraint_speaks_in_its_own_words(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The messages were Django's general ones, where `full_clean()` has the constraint's."""
    [constraint] = [c for c in Booking._meta.constraints if c.name == "booking_room_day_unique"]
    monkeypatch.setattr(constraint, "violation_error_message", "The room is taken.")
    row = {"number": "1", "room": "A", "day": "2020-01-01", "nights": "1", "guests": "1"}
    Booking.objects.create(**row)

    job, _ = importing("bookings", "number,room,day,nights,guests\n2,A,2020-01-01,1,1\n")

    with pytest.raises(ValidationError, match="The room is taken"):
        Booking(**row | {"number": "2"}).full_clean()
    [error] = StagingRecord.objects.get(job=job).errors
    assert (error["field"], error["message"]) == ("", "The room is taken.")
