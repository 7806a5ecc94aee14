"""Foreign keys are validated as by `full_clean()`, and ignored rules are reported."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError

from importer.checks import check_spec
from importer.models import StagingRecord
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from tests.importer.conftest import Importing
from tests.importer.samples.order.imports import UNREGISTERED
from tests.importer.samples.order.models import Diary, Player, Team

pytestmark = pytest.mark.django_db(transaction=True)


def test_limit_choices_and_validators_hold(importing: Importing) -> None:
    Team.objects.create(pk=1, year=1, code="open")
    Team.objects.create(pk=2, year=1, code="shut", is_open=False)
    Team.objects.create(pk=19, year=1, code="nine")
    fates = []
    for team in (1, 2, 19, None, 1):
        try:
            Player(name="x", team_id=team).full_clean()
            fates.append("")
        except ValidationError as error:
            fates.append(", ".join(error.error_dict))

    job, _ = importing("order.player", "name,year,code\na,1,open\nb,1,shut\nc,1,nine\nd,,\ne,1,open\n")

    errors = {r.line: r.errors[0]["field"] for r in StagingRecord.objects.filter(job=job)}
    assert [errors.get(line, "") for line in range(2, 7)] == fates == ["", "team", "team", "", ""]
    assert set(Player.objects.values_list("name", "team")) == {("a", 1), ("d", None), ("e", 1)}


def test_what_full_clean_would_do_and_the_import_does_not_is_said(
    importing: Importing,
) -> None:
    spec = UNREGISTERED["order.diary"]

    with temporarily(spec):
        _, result = importing("order.diary", "title,day\na,2024-01-01\na,2024-01-01\n")

    assert Diary.objects.filter(title="a", day=date(2024, 1, 1)).count() == result.inserted == 2
    warnings = check_spec(spec)
    assert [(warning.id, warning.msg) for warning in warnings] == [
        (
            "importer.W002",
            "DiaryReject: order.Diary has its own validate_unique(), which the import ignores.",
        ),
        (
            "importer.W002",
            'DiaryReject: order.Diary has unique_for_date on the field "title", which the import ignores.',
        ),
    ]
    assert 'ignored    unique_for_date on the field "title"' in explain(spec)
