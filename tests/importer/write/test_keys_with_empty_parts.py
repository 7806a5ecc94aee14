"""Keys and references of several columns, some of them empty, and keys without a unique constraint."""

import pytest
from django.core.exceptions import ValidationError

from importer.models import DataImportJob, StagingRecord
from importer.specs.registry import temporarily
from tests.importer.conftest import Importing
from tests.importer.samples.order.imports import UNREGISTERED
from tests.importer.samples.order.models import Loose, Player, Seat, Team

pytestmark = pytest.mark.django_db(transaction=True)


def codes(job: DataImportJob) -> list[tuple[int, str]]:
    return [(r.line, r.errors[0]["code"]) for r in StagingRecord.objects.filter(job=job).order_by("line")]


def test_a_reference_is_empty_only_where_all_of_it_is(importing: Importing) -> None:
    Team.objects.create(year=2020, code="A")
    Team.objects.create(year=2020, code="")

    job, result = importing("order.player", "name,year,code\na,2020,A\nb,,\nc,2020,\nd,,A\n")

    assert (result.inserted, codes(job)) == (2, [(4, "does_not_exist"), (5, "does_not_exist")])
    assert list(Player.objects.order_by("name").values_list("name", "team__code")) == [
        ("a", "A"),
        ("b", None),
    ]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_key_with_an_empty_part_is_refused_only_where_django_refuses_it(
    importing: Importing, *, dry_run: bool
) -> None:
    records = [(1, None), (1, None), (2, 2), (2, 2), (None, 3)]
    Seat.objects.create(row=1, number=None)
    expected = 0
    for row, number in records:
        try:
            seat = Seat(row=row, number=number)
            seat.full_clean()
            seat.save()
            expected += 1
        except ValidationError:
            pass
    Seat.objects.exclude(pk=Seat.objects.earliest("pk").pk).delete()
    text = "row,number\n" + "".join(f"{row or ''},{number or ''}\n" for row, number in records)

    _, result = importing("order.seat", text, dry_run=dry_run)

    assert (result.inserted, result.rejected) == (expected, 1) == (4, 1)


def test_an_update_finds_the_row_whose_key_has_an_empty_part(importing: Importing) -> None:
    Seat.objects.create(row=1, number=None)

    _, result = importing("order.seat-update", "row,number,guest\n1,,Ann\n1,,Bob\n")

    assert (result.updated, Seat.objects.get().guest) == (2, "Bob")


def test_records_are_counted_and_not_the_rows_they_change(importing: Importing) -> None:
    for _ in range(2):
        Loose.objects.create(code="a", name="old")

    with temporarily(UNREGISTERED["order.loose-update"]):
        _, result = importing("order.loose-update", "code,name\na,new\nb,new\n")

    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 0)
    assert Loose.objects.filter(code="a", name="new").count() == 2
