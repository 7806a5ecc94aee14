"""The repair in a real browser: with and without scripts, by paste, on a phone, light and dark, with axe."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from cortex.models import User
from importer.models import DataImportJob, StagingRecord
from importer.rejects.report import make_report
from tests.analytics.browser.conftest import PASSWORD, Visitor
from tests.analytics.browser.conftest import visit as visit
from tests.cortex.axe import violations
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
PHONE = {"width": 390, "height": 844}
HEADER = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
MESSY = (
    HEADER
    + "".join(f'{n},p{n}@example.com,Ann {n},user,,,"1.{n}50,00 €"\n' for n in range(1, 10))
    + "".join(f"{n},p{n}@example.com,Bob,Chief {n},,31/12/2020,{n}\n" for n in range(10, 16))
    + "16,short\n"
    + f'17,q@example.com,"{"x" * 300}\nsecond line",user,,,1\n'
)
WITH = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])


@pytest.fixture
def ann(transactional_db: None) -> User:
    user: User = User.objects.create_superuser("ann@example.com", PASSWORD)
    return user


@pytest.fixture
def messy(importing: Importing) -> DataImportJob:
    job: DataImportJob = importing("contacts", MESSY)[0]
    return job


def at(page: str, job: DataImportJob) -> str:
    return reverse(f"admin:importer_import_{page}", args=[job.pk])


@WITH
def test_a_person_repairs_a_job_to_its_last_record(
    visit: Callable[..., Visitor], ann: User, messy: DataImportJob, scripts: bool
) -> None:
    page = visit(java_script_enabled=scripts).log_in(ann, at("repair", messy))

    page.get_by_role("button", name="Read with a decimal comma").click()
    page.get_by_text("9 records changed").wait_for()
    page.get_by_role("button", name="Read as day, month, year").click()
    page.get_by_text("6 records changed").wait_for()
    page.get_by_role("link", name="Repair one by one (role").click()
    for cell in page.get_by_role("textbox", name="ROLE, line").all():
        cell.fill("manager")
    page.get_by_role("button", name="Save and import these").click()
    page.get_by_text("6 records imported (6 new)").wait_for()
    page.goto(page.url.partition("/repair/")[0] + "/repair/")
    page.get_by_role("button", name="Import the changed records").click()
    page.get_by_text("9 records imported (9 new)").wait_for()
    page.get_by_role("link", name="Repair one by one (first_name").click()
    page.get_by_role("textbox", name="first_name").fill("Zoe")
    page.get_by_role("button", name="Save and import these").click()
    page.get_by_text("1 records imported (1 new)").wait_for()
    page.get_by_role("link", name="All reasons").click()
    page.get_by_role("link", name="Repair one by one (").click()
    page.get_by_role("link", name="Give its fields").click()
    page.get_by_role("textbox", name="email").fill("r@example.com")
    page.get_by_role("textbox", name="balance").fill("3")
    page.get_by_role("button", name="Save and import it").click()
    page.get_by_text("1 records imported (1 new)").wait_for()

    assert Contact.objects.count() == 17
    report = make_report(messy)
    assert (report.is_balanced, report.counts.rejected, report.replayed) == (True, 0, 17)


def test_a_column_of_a_spreadsheet_is_pasted_downwards(
    visit: Callable[..., Visitor], ann: User, messy: DataImportJob
) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"]).log_in(ann, at("repair", messy))
    page.get_by_role("link", name="Repair one by one (role").click()
    cells = page.locator(".im-grid input.im-cell[aria-invalid]")
    page.evaluate("navigator.clipboard.writeText('admin\\tx\\r\\nuser\\r\\nmanager\\r\\n')")

    role = page.get_by_role("textbox", name="ROLE, line 12")
    role.click()
    page.keyboard.press("Control+V")

    names = [f"ROLE, line {line}" for line in (12, 13, 14)]
    assert [page.get_by_role("textbox", name=name).input_value() for name in names] == [
        "admin",
        "user",
        "manager",
    ]
    assert cells.count() == 12
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("3 records changed").wait_for()
    assert StagingRecord.objects.filter(job=messy, state="fixed").count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, {"width": 1440, "height": 900}], ids=["phone", "desk"])
def test_the_pages_are_accessible_and_fit(
    visit: Callable[..., Visitor], ann: User, messy: DataImportJob, scheme: str, size: dict[str, int]
) -> None:
    visitor = visit(viewport=size, color_scheme=scheme)
    page: Any = visitor.log_in(ann, at("repair", messy))
    line = StagingRecord.objects.get(job=messy, raw__has_key="_raw").line
    bad = []
    for number, path in enumerate(
        (
            "",
            "records/",
            "records/?field=role&code=invalid_choice",
            "records/?line=2",
            f"records/?line={line}",
        )
    ):
        page.goto(f"{visitor.base}{at('repair', messy)}{path}")
        visitor.take_picture(f"repair-{number}-{scheme}-{size['width']}")
        bad += [f"{path}: {violation}" for violation in violations(page)]
        if visitor.is_too_wide():
            bad.append(f"{path}: too wide")

    assert bad == []
