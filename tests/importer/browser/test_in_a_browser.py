"""The start page, a job's story and its undo in a real browser: by keyboard, on a phone, without scripts, with axe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cortex.models import Pov, User
from importer import ledger
from importer.jobs import create_job
from importer.models import DataImportJob, LogEvent
from importer.run.run import run_import
from tests.analytics.browser.conftest import Visitor, make_user
from tests.cortex.axe import violations

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
HEADER = (
    "POV_ID,POV_TITLE,CUST_NM,INDUSTRY,STATUS_CD,PRIO_CD,OWNER_EMAIL,START_DT,END_DT,DEAL_AMT,DEAL_CCY,SUCCESS_TXT,"
    "CREATED_TS\n"
)
START = "/admin/importer/dataimportjob/start/"
Visit = Callable[..., Visitor]


@pytest.fixture
def admin(transactional_db: None) -> User:
    return make_user("ann@example.com", is_superuser=True, first_name="Ann", last_name="Lee")


def record(number: int, *, day: str = "02/28/2021", amount: str = "1250.5") -> str:
    who = f"Cloud posture {number},Customer {number},,,,ann@example.com"
    return f'{number},{who},{day},,"{amount}",,,02/28/2021 12:00:00\n'


def text(records: int) -> str:
    """Records, some with an invalid date, some with an amount that is not a number, and one that is cut off."""
    lines = [
        record(
            n,
            day="31.02.2021" if n % 9 == 0 else "02/28/2021",
            amount="1.250,00 €" if n % 11 == 0 else "1250.5",
        )
        for n in range(1, records + 1)
    ]
    return "".join([HEADER, *lines, "999,cut off\n"])


@pytest.fixture
def job(admin: User, folder: Path) -> DataImportJob:
    (folder / "povs of 2021.csv").write_text(text(60))
    return create_job("povs", str(folder / "povs of 2021.csv"), created_by=admin)


def story_of(job: DataImportJob) -> str:
    return f"/admin/importer/dataimportjob/{job.pk}/story/"


def test_a_person_starts_a_job_and_takes_it_back(visit: Visit, admin: User, job: DataImportJob) -> None:
    visitor = visit(viewport=DESK)
    page = visitor.log_in(admin, START)

    page.get_by_role("link", name="POVs from povs of 2021.csv").click()
    page.get_by_role("button", name="Start").press("Enter")
    page.get_by_text("of 61 records are in.").first.wait_for()
    visitor.take_picture("import-story")
    written = Pov.objects.count()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download rejects (CSV)").click()
    rejects = Path(download.value.path()).read_text()
    page.get_by_role("link", name="Undo …").click()
    visitor.take_picture("import-undo")
    page.get_by_role("button", name="Undo").press("Enter")
    page.get_by_text(f"Undone: {written} rows were deleted.").wait_for()
    visitor.take_picture("import-undone")

    assert 40 < written < 60
    assert len(rejects.splitlines()) == 1 + 61 - written
    assert not Pov.objects.exists()
    assert page.get_by_text("Ann Lee undid it.").is_visible()


def test_a_page_follows_a_run_and_tells_its_end(visit: Visit, admin: User, job: DataImportJob) -> None:
    DataImportJob.objects.filter(pk=job.pk).update(status="running")
    assert ledger.hold_job(job.pk)
    visitor = visit(viewport=DESK)
    page = visitor.log_in(admin, story_of(job))
    page.get_by_text("It is running.").wait_for()
    visitor.take_picture("import-running")

    DataImportJob.objects.filter(pk=job.pk).update(status="stopped")
    ledger.let_job_go(job.pk)

    page.get_by_text("Stopped. Nothing has been written.").wait_for()


def test_without_scripts_all_of_it_works(visit: Visit, admin: User, job: DataImportJob) -> None:
    visitor = visit(viewport=DESK, java_script_enabled=False)
    page = visitor.log_in(admin, story_of(job))

    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="Undo …").click()
    page.get_by_role("button", name="Undo").click()

    assert page.get_by_text("rows were deleted.").first.is_visible()
    assert not Pov.objects.exists()


def test_the_list_of_a_model_leads_into_an_import(visit: Visit, admin: User) -> None:
    visitor = visit(viewport=DESK)
    page = visitor.log_in(admin, "/admin/cortex/pov/")
    visitor.take_picture("import-button")

    page.get_by_role("link", name="Import…").click()

    assert "/importer/dataimportjob/" in page.url


@pytest.fixture
def jobs(admin: User, job: DataImportJob, folder: Path) -> list[str]:
    """Jobs in all states. Returns the addresses of their pages."""
    run_import(job.pk, executor="inline")
    (folder / "broken.csv").write_text("nothing,that,fits\n1,2,3\n")
    failed = create_job("povs", str(folder / "broken.csv"), created_by=admin)
    run_import(failed.pk, executor="inline")
    (folder / "good.csv").write_text(HEADER + record(2001))
    good = create_job("povs", str(folder / "good.csv"), created_by=admin)
    run_import(good.pk, executor="inline")
    new = create_job(
        "povs", str(folder / "good.csv"), created_by=admin, name="A job with " + "a-long-name" * 12
    )
    running = create_job("povs", str(folder / "good.csv"), created_by=admin)
    ledger.log(running, LogEvent.EXECUTING, "process, 4 workers", records=0, part=0.0)
    DataImportJob.objects.filter(pk=running.pk).update(status="running")
    stories = [story_of(each) for each in (job, failed, good, new, running)]
    return [START, *stories, f"/admin/importer/dataimportjob/{job.pk}/undo/"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_fit_for_a_screen_reader_and_a_phone(
    visit: Visit,
    admin: User,
    jobs: list[str],
    scheme: str,
) -> None:
    running = DataImportJob.objects.get(status="running")
    visitor = visit(color_scheme=scheme, viewport=PHONE)
    page = visitor.log_in(admin, START)
    found: dict[str, Any] = {}
    assert ledger.hold_job(running.pk)
    for width, size in (("phone", PHONE), ("desk", DESK), ("tablet", {"width": 1024, "height": 768})):
        page.set_viewport_size(size)
        for number, path in enumerate(jobs):
            page.goto(f"{visitor.base}{path}")
            visitor.take_picture(f"import-{scheme}-{width}-{number}")
            if problems := [*violations(page), *(["too wide"] if visitor.is_too_wide() else [])]:
                found[f"{path} {width}"] = problems
    ledger.let_job_go(running.pk)

    assert found == {}
