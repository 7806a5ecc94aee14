"""The pages that repair rejected records: what people can do on them, what they may see, and attacks."""

import io
import re
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cortex.models import User
from importer.models import DataImportJob, LogEvent, MigrationLog, StagingRecord
from importer.records import RAW
from importer.rejects.report import make_report
from tests.cortex.factories import UserFactory
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
MESSY = HEADER + (
    '1,a@example.com,Ann,user,,,"1.250,00 €"\n'
    '2,b@example.com,Bob,user,,31/12/2020,"12,5"\n'
    "3,c@example.com,Cid,Chief,,,4\n"
    "4,short\n"
    "5,e@example.com,Eve,user,,,9\n"
)
CHANGING = ("change_dataimportjob", "add_contact", "change_contact", "add_company")


@pytest.fixture
def admin() -> Client:
    return client_of(User.objects.create_superuser("admin@example.com"))


@pytest.fixture
def messy(importing: Importing) -> DataImportJob:
    job: DataImportJob = importing("contacts", MESSY)[0]
    return job


def client_of(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def person(email: str, *rights: str) -> User:
    user: User = UserFactory(email=email, is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return user


def at(page: str, job: DataImportJob, *more: Any, **query: Any) -> str:
    return reverse(f"admin:importer_import_{page}", args=[job.pk, *more], query=query or None)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def record_of(job: DataImportJob, line: int) -> StagingRecord:
    return StagingRecord.objects.get(job=job, line=line)


def form(job: DataImportJob, line: int, **cells: str) -> dict[str, str]:
    """What the table sends for a record."""
    columns = job.columns or []
    texts = {f"cell-{line}-{columns.index(name)}": text for name, text in cells.items()}
    return texts | {f"seen-{line}": record_of(job, line).updated_at.isoformat()}


def first_proposal(html: str) -> dict[str, str]:
    found = re.search(r'<form class="im-proposal".*?</form>', html, re.DOTALL)
    assert found
    return dict(re.findall(r'name="(field|code|column|rule|given|to)" value="([^"]*)"', found[0]))


def test_one_click_repairs_a_family_and_another_imports_it(admin: Client, messy: DataImportJob) -> None:
    html = text_of(admin.get(at("repair", messy)))
    assert "4 of 5 records are rejected" in html
    assert "1.250,00 €" in html

    answer = admin.post(at("repair", messy), first_proposal(html), follow=True)
    assert "2 records changed" in text_of(answer)
    assert make_report(messy).is_balanced

    answer = admin.post(at("repair_replay", messy), follow=True)
    assert "1 records imported (1 new). 1 were rejected again." in text_of(answer)
    assert str(Contact.objects.get(legacy_id=1).balance) == "1250.00"
    assert make_report(messy).is_balanced
    answer = admin.post(at("repair_replay", messy), follow=True)
    assert "There is nothing to import" in text_of(answer)
    assert Contact.objects.count() == 2
    entry = MigrationLog.objects.get(job=messy, event=LogEvent.MENDED)
    assert entry.details["by"] == User.objects.get().pk


def test_bad_cells_are_inputs_with_their_reasons_and_are_saved(admin: Client, messy: DataImportJob) -> None:
    html = text_of(admin.get(at("repair_records", messy, field="role", code="invalid_choice")))
    role = (messy.columns or []).index("ROLE")
    assert f'id="cell-4-{role}" name="cell-4-{role}" value="Chief"' in html
    assert f'aria-describedby="why-4-{role}"' in html
    assert f'id="why-4-{role}"' in html

    answer = admin.post(
        at("repair_records", messy), form(messy, 4, ROLE="admin") | {"then": "import"}, follow=True
    )

    assert "1 records imported (1 new)" in text_of(answer)
    assert Contact.objects.get(legacy_id=3).role == "admin"
    assert make_report(messy).is_balanced


def test_two_tabs_tell_what_the_other_has_saved(admin: Client, messy: DataImportJob) -> None:
    in_one_tab, in_another = form(messy, 4, ROLE="admin"), form(messy, 4, ROLE="user")
    admin.post(at("repair_records", messy), in_one_tab)

    answer = admin.post(at("repair_records", messy), in_another | {"then": "import"})

    html = text_of(answer)
    assert answer.status_code == 409
    assert "Somebody has changed this record" in html
    assert '<q class="im-value">admin</q> now' in html
    assert 'value="user"' in html  # what was typed is not lost
    assert (record_of(messy, 4).raw["ROLE"], record_of(messy, 4).state) == ("admin", "fixed")
    assert not Contact.objects.filter(legacy_id=3).exists()


def test_a_record_that_is_gone_is_told_by_its_line(admin: Client, messy: DataImportJob) -> None:
    late = form(messy, 4, ROLE="user")
    admin.post(at("repair_records", messy), form(messy, 4, ROLE="admin") | {"then": "import"})

    answer = admin.post(at("repair_records", messy), late)

    assert answer.status_code == 409
    assert "Line 4: Somebody has imported or erased this record" in text_of(answer)
    assert Contact.objects.get(legacy_id=3).role == "admin"


def test_records_are_imported_where_requests_are_transactions(
    admin: Client, messy: DataImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)

    admin.post(at("repair_records", messy), form(messy, 4, ROLE="admin") | {"then": "import"})

    assert Contact.objects.get(legacy_id=3).role == "admin"
    entry = MigrationLog.objects.get(job=messy, event=LogEvent.REPLAYED)
    assert entry.details["by"] == User.objects.get().pk


def test_a_count_that_takes_too_long_is_given_up(
    admin: Client, messy: DataImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "importer.rejects.families.ALL_FAMILIES", "SELECT pg_sleep(30) WHERE %(job)s > 0 AND %(after)s < 0"
    )
    monkeypatch.setattr("importer.rejects.families.TIMEOUT", 50)

    answer = admin.get(at("repair", messy, count="all"))

    assert "too many rejected records for that at once" in text_of(answer)
    assert "balance" in text_of(answer)


def test_a_record_that_was_not_split_is_given_its_fields(admin: Client, messy: DataImportJob) -> None:
    line = StagingRecord.objects.get(raw__has_key=RAW).line
    html = text_of(admin.get(at("repair_records", messy, line=line)))
    assert "4,short" in html
    assert 'value="short"' in html  # a guess

    cells = dict.fromkeys(messy.columns or [], "") | {
        "legacy_id": "4",
        "email": "d@example.com",
        "balance": "1",
    }
    answer = admin.post(
        at("repair_records", messy, line=line), form(messy, line, **cells) | {"then": "import"}, follow=True
    )

    assert "1 records imported (1 new)" in text_of(answer)
    assert make_report(messy).is_balanced


def test_a_value_is_replaced_in_a_whole_column(admin: Client, messy: DataImportJob) -> None:
    given = {"rule": "word", "column": (messy.columns or []).index("ROLE"), "given": "Chief", "to": "admin"}

    answer = admin.post(at("repair", messy), given | {"from": "records"}, follow=True)

    assert "1 record changed" in text_of(answer)
    assert record_of(messy, 4).raw["ROLE"] == "admin"


@pytest.mark.parametrize(
    "given",
    [
        {"rule": "eval", "given": "1"},
        {"rule": "number", "given": "{{ 7 }}"},
        {"rule": "word", "given": "a\0", "to": "b"},
        {"rule": "trim", "column": "99"},
        {"rule": "trim", "column": "-1"},
        {"rule": "trim", "column": "x"},
        {},
    ],
)
def test_no_other_repair_can_be_asked_for(admin: Client, messy: DataImportJob, given: dict[str, str]) -> None:
    answer = admin.post(at("repair", messy), {"column": "0"} | given)

    assert answer.status_code == 302
    assert not StagingRecord.objects.filter(state="fixed").exists()


def test_a_cell_of_several_lines_keeps_its_line_ends(admin: Client, importing: Importing) -> None:
    long = "x" * 30
    job, _ = importing("contacts", HEADER + f'1,a@example.com,"{long}\nb\nc",user,,,x\n')

    html = text_of(admin.get(at("repair_records", job)))
    assert "<textarea" in html
    admin.post(at("repair_records", job), form(job, 2, first_name=f"{long}\r\nb\r\nc", balance="1"))

    assert record_of(job, 2).raw["first_name"] == f"{long}\nb\nc"
    assert record_of(job, 2).raw["balance"] == "1"


# Files


def download(client: Client, job: DataImportJob, kind: str) -> bytes:
    answer: Any = client.get(at("repair_download", job, kind))
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)


def test_a_workbook_goes_out_is_repaired_and_comes_back(admin: Client, messy: DataImportJob) -> None:
    book = openpyxl.load_workbook(io.BytesIO(download(admin, messy, "xlsx")))
    sheet: Any = book.active
    names = [cell.value for cell in sheet[1]]
    sheet.cell(4, names.index("ROLE") + 1).value = "admin"
    out = io.BytesIO()
    book.save(out)

    answer = admin.post(
        at("repair_upload", messy), {"file": SimpleUploadedFile("fixed.xlsx", out.getvalue())}, follow=True
    )

    assert "3 records taken from the file" in text_of(answer)
    assert record_of(messy, 4).raw["ROLE"] == "admin"
    answer = admin.post(at("repair_replay", messy), follow=True)
    assert Contact.objects.get(legacy_id=3).role == "admin"
    assert make_report(messy).is_balanced


def test_a_csv_goes_out_is_repaired_and_comes_back(admin: Client, messy: DataImportJob) -> None:
    text = download(admin, messy, "csv").decode("utf-8-sig").replace("Chief", "admin")

    admin.post(at("repair_upload", messy), {"file": SimpleUploadedFile("fixed.csv", text.encode())})

    assert record_of(messy, 4).raw["ROLE"] == "admin"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\0",
        b"PK\x03\x04 no zip",
        b"_line\n1\n",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\0" * 100,
    ],
)
def test_another_file_changes_nothing(admin: Client, messy: DataImportJob, content: bytes) -> None:
    answer = admin.post(
        at("repair_upload", messy), {"file": SimpleUploadedFile("../../etc/passwd", content)}, follow=True
    )

    assert answer.status_code == 200
    assert "Nothing was changed" in text_of(answer) or "Choose the repaired file" in text_of(answer)
    assert not StagingRecord.objects.filter(state="fixed").exists()


def test_a_larger_file_is_refused(
    admin: Client, messy: DataImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importer.browser.repair.files.MOST_BYTES", 10)

    answer = admin.post(
        at("repair_upload", messy), {"file": SimpleUploadedFile("fixed.csv", b"x" * 11)}, follow=True
    )

    assert "larger than" in text_of(answer)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_of_more_records_is_refused(
    admin: Client, messy: DataImportJob, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A small file has millions of rows, and each takes memory."""
    file = SimpleUploadedFile(f"fixed.{kind}", download(admin, messy, kind))
    monkeypatch.setattr("importer.browser.repair.files.MOST_CSV", 3)

    answer = admin.post(at("repair_upload", messy), {"file": file}, follow=True)

    assert "has more than 3 records" in text_of(answer)
    assert not StagingRecord.objects.filter(state="fixed").exists()


def test_no_file_is_left_behind(admin: Client, messy: DataImportJob, settings: Any) -> None:
    spool = Path(settings.IMPORTER["SPOOL_DIR"])
    before = set(spool.rglob("*")) if spool.exists() else set()

    text = download(admin, messy, "csv")
    admin.post(at("repair_upload", messy), {"file": SimpleUploadedFile("fixed.csv", text)})
    download(admin, messy, "xlsx")

    assert set(spool.rglob("*")) - {spool} == before


# Rights

PAGES = ("repair", "repair_records", "repair_upload", "repair_replay")


def addresses(job: DataImportJob) -> list[str]:
    return [
        *(at(page, job) for page in PAGES),
        at("repair_download", job, "csv"),
        at("repair_download", job, "xlsx"),
    ]


def test_a_job_that_one_may_not_see_is_not_there(messy: DataImportJob) -> None:
    """With every right but those on the job's own records."""
    stranger = client_of(person("stranger@example.com", "change_dataimportjob", "add_company", "read_source"))
    before = list(StagingRecord.objects.order_by("line").values("raw", "state", "updated_at"))

    answers = [(stranger.get(path).status_code, stranger.post(path, {"rule": "trim"}).status_code)
               for path in addresses(messy)]  # fmt: skip

    assert {status for pair in answers for status in pair} <= {404, 405}
    assert stranger.get(at("repair", messy)).status_code == 404
    assert list(StagingRecord.objects.order_by("line").values("raw", "state", "updated_at")) == before


def test_who_may_only_look_changes_nothing(messy: DataImportJob) -> None:
    reader = client_of(person("reader@example.com", "view_contact", "read_source", "change_dataimportjob"))

    html = text_of(reader.get(at("repair", messy)))
    table = text_of(reader.get(at("repair_records", messy)))

    assert "1.250,00 €" in html
    assert '<form class="im-proposal"' not in html
    assert 'name="cell-' not in table
    assert "Chief" in table
    posts = {page: reader.post(at(page, messy), form(messy, 4, ROLE="admin")).status_code for page in PAGES}
    assert set(posts.values()) == {403}
    assert not StagingRecord.objects.filter(state="fixed").exists()


def test_nothing_is_shown_of_what_one_may_not_read(importing: Importing) -> None:
    """A column that the spec does not read, whole records, and what messages quote."""
    secret = "canary-in-an-ignored-column"
    job, _ = importing(
        "companies", f"code,name,salary\nfar-too-long-a-code,canary-mapped,{secret}\nB,{secret}\n"
    )
    clerk = client_of(person("clerk@example.com", "view_company", "change_dataimportjob", "add_company"))

    seen = "".join(
        text_of(clerk.get(path))
        for path in (
            at("repair", job), at("repair", job, count="all"), at("repair_records", job),
            at("repair_records", job, line=2), at("repair_records", job, line=3),
            at("repair_records", job, line=2, column=2),
        )
    )  # fmt: skip

    assert secret not in seen
    assert 'value="Hidden' not in seen
    assert "salary" not in seen
    assert "canary-mapped" in seen
    assert {clerk.get(at("repair_download", job, kind)).status_code for kind in ("csv", "xlsx")} == {403}
    upload = clerk.post(at("repair_upload", job), {"file": SimpleUploadedFile("x.csv", b"_line")})
    assert upload.status_code == 403
    clerk.post(at("repair_records", job), form(job, 2, code="A", salary="0"))
    assert record_of(job, 2).raw == {"code": "A", "name": "canary-mapped", "salary": secret}


def test_records_of_another_job_are_out_of_reach(
    admin: Client, messy: DataImportJob, importing: Importing
) -> None:
    other, _ = importing("contacts", MESSY.replace("Chief", "Boss"), name="other.csv")
    owner = client_of(person("owner@example.com", *CHANGING, "view_contact", "read_source"))
    StagingRecord.objects.filter(job=other).update(updated_at=record_of(messy, 4).updated_at)

    owner.post(at("repair_records", messy), form(messy, 4, ROLE="admin"))

    assert record_of(messy, 4).raw["ROLE"] == "admin"
    assert record_of(other, 4).raw["ROLE"] == "Boss"


@pytest.mark.parametrize("page", PAGES)
def test_a_foreign_page_cannot_send_the_forms(messy: DataImportJob, page: str) -> None:
    root = User.objects.create_superuser("root@example.com")
    client = client_of(root, enforce_csrf_checks=True)

    answer = client.post(
        at(page, messy), form(messy, 4, ROLE="admin"), headers={"origin": "https://evil.example"}
    )

    assert answer.status_code == 403
    assert record_of(messy, 4).raw["ROLE"] == "Chief"


# Hostile contents

MARKUP = '"><script>alert(1)</script><img src=x onerror=alert(1)>\'{{ 7|add:7 }}{% now "Y" %}'


def test_markup_in_cells_names_and_reasons_is_text(admin: Client, importing: Importing) -> None:
    column = MARKUP.replace('"', '""')
    job, result = importing("companies", f'code,name,"{column}"\n"{column}",x,"{column}"\n"{column}"\n')
    assert result.rejected == 2

    pages = [
        text_of(admin.get(path))
        for path in (
            at("repair", job), at("repair_records", job), at("repair_records", job, line=2),
            at("repair_records", job, line=3), at("repair_records", job, field=MARKUP, code=MARKUP),
        )
    ]  # fmt: skip

    assert not [html for html in pages if "<script>alert" in html or "<img src=x" in html]
    assert "&lt;script&gt;alert(1)" in pages[1]
    answer = admin.post(at("repair_records", job), form(job, 2, code=MARKUP + "!"), follow=True)
    assert "<script>alert" not in text_of(answer)


def test_a_cell_of_a_megabyte_is_cut_and_can_be_edited_whole(admin: Client, importing: Importing) -> None:
    job, _ = importing("companies", f"code,name\nA,{'x' * 900_000}\n")

    table = text_of(admin.get(at("repair_records", job)))
    whole = text_of(admin.get(at("repair_records", job, line=2, column=1)))

    assert len(table) < 40_000
    assert "all of it" in table
    assert "x" * 900_000 in whole
    admin.post(at("repair_records", job, line=2), form(job, 2, name="short") | {"then": "import"})
    assert Company.objects.get().name == "short"


def test_a_header_of_two_thousand_columns_is_a_bounded_page(admin: Client, importing: Importing) -> None:
    names = ",".join(f"c{number:04}" for number in range(1_998))
    row = "far-too-long-a-code,x," + ",".join("y" * 10 for _ in range(1_998))
    job, result = importing("companies", f"code,name,{names}\n" + f"{row}\n" * 60 + "B,x\n")
    assert result.rejected == 61

    table = text_of(admin.get(at("repair_records", job)))
    one = text_of(admin.get(at("repair_records", job, line=2)))
    unsplit = text_of(admin.get(at("repair_records", job, line=62)))

    assert table.partition("im-grid")[2].partition("</table>")[0].count("<td") == 50 * 12
    assert 'value="far-too-long-a-code"' in table
    assert one.count('name="cell-') == 200
    assert "from=200" in one
    assert "too many columns" in unsplit
    assert len(one) < 200_000
    answer = admin.post(at("repair_records", job, line=2), form(job, 2, code="A", c0100="z"), follow=True)
    assert "1 record changed" in text_of(answer)


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=99999999999999999999", "after=x", "line=x", "line=9999999999999999999", "column=99&line=2",
     "code=%00", "field=%00&code=a", "code=a&after=%00", "from=99999999&line=2", "count=all", "line=0"],
)  # fmt: skip
def test_no_address_is_an_error_of_the_server(messy: DataImportJob, query: str) -> None:
    client = client_of(User.objects.create_superuser("root@example.com"), raise_request_exception=False)

    for page in ("repair", "repair_records"):
        assert client.get(f"{at(page, messy)}?{query}").status_code in (200, 404)
    large = at("repair", messy).replace(f"/{messy.pk}/", f"/{10**30}/")
    assert client.get(large).status_code == 404


def test_broken_forms_change_nothing(messy: DataImportJob) -> None:
    client = client_of(User.objects.create_superuser("root@example.com"), raise_request_exception=False)
    for sent in (
        {"seen-4": "x", "cell-4-3": "a"}, {"seen-4": "2020-13-45T00:00:00+00:00", "cell-4-3": "a"},
        {"cell-4-3": "a"}, {"seen-4": "2020-01-01T00:00:00", "cell-4-3": "a"}, {"cell-99999999999999999999-3": "a"},
        {"cell--1-3": "a", "seen--1": "x"}, {"cell-4-999": "a"}, form(messy, 4, ROLE="a\0b"),
    ):  # fmt: skip
        assert client.post(at("repair_records", messy), sent).status_code in (200, 302, 400, 409), sent

    assert not StagingRecord.objects.filter(state="fixed").exists()


def test_a_job_without_its_spec_can_still_be_looked_at(admin: Client, messy: DataImportJob) -> None:
    DataImportJob.objects.update(spec="gone")

    assert admin.get(at("repair", messy)).status_code == 200
    assert "Chief" in text_of(admin.get(at("repair_records", messy)))


def test_a_page_takes_no_longer_for_more_rejects(admin: Client, messy: DataImportJob) -> None:
    """Counted in queries and in what they read; the time of a million is measured, not tested."""
    template = record_of(messy, 4)
    chunk = template.chunk
    StagingRecord.objects.bulk_create(
        StagingRecord(job=messy, chunk=chunk, line=line, raw=template.raw, errors=template.errors)
        for line in range(100, 30_100)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE staging_records")
    admin.get(at("repair", messy))

    times = {}
    for path in (
        at("repair", messy),
        at("repair_records", messy),
        at("repair_records", messy, field="x", code="y"),
    ):
        began = time.monotonic()
        with CaptureQueriesContext(connection) as queries:
            html = text_of(admin.get(path))
        times[path] = time.monotonic() - began
        assert len(queries) < 25

    assert "Counted in the first 3000" in text_of(admin.get(at("repair", messy)))
    assert max(times.values()) < 2, times
    assert "None in this part" in html
