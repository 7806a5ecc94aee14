"""Primary keys that the source gives for some records only."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from importer.models import MigrationLog
from tests.importer.conftest import Importing
from tests.importer.samples.order.models import Team

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = [("7", "1"), ("", "2"), ("2", "3"), ("", "4"), ("", "5"), ("5", "6"), ("900", "7")]


def fresh() -> None:
    Team.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("ALTER SEQUENCE order_team_id_seq RESTART")


@pytest.mark.parametrize(("batch", "workers"), [(1, 1), (100, 1), (3, 2)])
def test_an_empty_number_is_the_next_one(
    importing: Importing, settings: Any, *, batch: int, workers: int
) -> None:
    fresh()
    for number, year in RECORDS:
        team = Team(pk=number or None, year=year, code="x")
        try:
            with transaction.atomic():
                team.full_clean()
                team.save(force_insert=True)
        except (ValidationError, IntegrityError):
            continue
    expected = sorted(Team.objects.values_list("pk", "year"))
    fresh()
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_MIN", "BATCH_SIZE_INITIAL", "BATCH_SIZE_MAX"), batch)
    settings.IMPORTER |= {"CHUNK_BYTES": 20}

    job, _ = importing(
        "numbered-teams", "id,year,code\n" + "".join(f"{n},{y},x\n" for n, y in RECORDS), workers=workers
    )

    assert sorted(Team.objects.values_list("pk", "year")) == expected
    surveys = MigrationLog.objects.filter(job=job, event="survey")
    assert [("next number" in survey.reason) for survey in surveys] == [True] * (workers - 1)
