import pytest

from importer.models import StagingRecord
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)

CONTACTS = """legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance
1,ann@example.com,Ann,USER,C1,01/31/2020,10.50
2,bob@example.com,Bob,Manager,C1,2/1/2020,0
3,not-an-address,Cid,user,C1,01/31/2020,1
4,dan@example.com,Dan,king,C1,01/31/2020,1
5,eve@example.com,Eve,user,C9,01/31/2020,1
6,fay@example.com,Fay,user,NA,NA,1
7,gus@example.com,Gus,user,C1,02/30/2020,1
8,hal@example.com,Hal,user,C1,01/31/2020,1.005
9,short@example.com
"""


def test_each_record_has_one_fate(importing: Importing) -> None:
    company = Company.objects.create(code="C1", name="One")

    job, result = importing("contacts", CONTACTS)

    assert result.status == "completed"
    assert (result.read, result.inserted, result.rejected) == (9, 3, 6)
    assert list(
        Contact.objects.order_by("legacy_id").values_list("legacy_id", "role", "company", "joined__day")
    ) == [
        (1, "user", company.pk, 31),
        (2, "manager", company.pk, 1),
        (6, "user", None, None),
    ]
    rejected = StagingRecord.objects.filter(job=job).order_by("line")
    assert [(r.line, r.errors[0]["field"], r.errors[0]["code"]) for r in rejected] == [
        (4, "email", "invalid"),
        (5, "role", "invalid_choice"),
        (6, "company", "does_not_exist"),
        (8, "joined", "invalid"),
        (9, "balance", "max_decimal_places"),
        (10, "", "too_few_fields"),
    ]
