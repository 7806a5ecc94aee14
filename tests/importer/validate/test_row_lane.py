import pytest

from importer.models import StagingRecord
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Period

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_models_own_clean_and_the_specs_hook_see_each_record(importing: Importing) -> None:
    job, result = importing(
        "periods",
        "name,starts,ends\n"
        "abcdefghijklmno,2024-01-01,2024-02-01\n"
        "backwards,2024-01-02,2024-01-01\n"
        "NotLower,2024-01-01,2024-02-01\n",
    )

    assert (result.inserted, result.rejected) == (1, 2)
    assert Period.objects.get().name == "abcdefghij"
    errors = [record.errors[0] for record in StagingRecord.objects.filter(job=job).order_by("line")]
    assert [(error["field"], error["code"]) for error in errors] == [
        ("ends", "backwards"),
        ("name", "invalid"),
    ]
