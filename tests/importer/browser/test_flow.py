"""From a messy file to a job, in the browser, by somebody who has never seen a spec."""

import csv
import datetime as dt
import io
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.dateparse import parse_datetime

from cortex.models import Pov, User
from importer.browser.draft.checked import ISO_MOMENTS
from importer.models import DataImportJob, ImportDraft, ImportMapping
from importer.privacy.erase import erase_user
from importer.privacy.retention import prune_drafts
from importer.undo.undo import undo_import
from tests.importer.browser.conftest import text_of
from tests.importer.browser.drafts import begun, post, url, version

pytestmark = pytest.mark.django_db(transaction=True)
STATUS = {"aktiv": "active", "geplant": "planned", "erledigt": "won"}


@pytest.fixture
def messy(folder: Path, media: Path) -> SimpleUploadedFile:
    """A German export: a preamble, semicolons, Windows-1252, decimal commas, words for nothing."""
    randomness, path = random.Random(5), folder / "povs.csv"
    with path.open("w", encoding="cp1252", newline="") as file:
        file.write("Export vom 30.11.2026\n\n")
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["legacy_id", "Titel", "Kunde", "Status", "Beginn", "Wert", "Eigentümer"])
        for n in range(1, 301):
            day = f"{randomness.randrange(1, 29):02}.{randomness.randrange(1, 13):02}.2025"
            value = f"{randomness.randrange(1, 90)}.{randomness.randrange(100, 999)},50" if n % 20 else "k.A."
            owner = "consultant@example.com" if n % 15 else "nobody@example.com"
            status = randomness.choice(list(STATUS))
            writer.writerow(
                [
                    n,
                    f"Projekt {n}",
                    randomness.choice(["Müller AG", "Café Zürich"]),
                    status,
                    day,
                    value,
                    owner,
                ]
            )
    return SimpleUploadedFile("povs.csv", path.read_bytes())


COLUMNS = {"Titel": "title", "Kunde": "customer", "Status": "status", "Beginn": "start_date", "Wert": "deal_value",
           "Eigentümer": "owner", "legacy_id": "legacy_id"}  # fmt: skip


def chosen(draft: ImportDraft) -> dict[str, str]:
    names = [column["column"] for column in draft.guess["fields"]]
    return {f"field-{n}": COLUMNS[name] for n, name in enumerate(names)} | {
        "key": "legacy_id",
        "on_conflict": "reject",
        "nulls": "k.A.",
    }


def test_from_a_messy_file_to_rows(person: Client, messy: SimpleUploadedFile) -> None:
    draft = begun(person, messy)
    first = person.get(url("file", draft.pk)).content.decode()
    assert "CSV with" in first
    assert "300 records" in first
    assert "Café Zürich" in first

    answer = post(person, "columns", draft.pk, **chosen(draft), name="POVs of the old system")
    assert answer.redirect_chain[-1][0] == url("values", draft.pk), answer.content.decode()
    draft.refresh_from_db()
    words = [word for word, _ in next(c["values"] for c in draft.guess["fields"] if c["column"] == "Status")]
    place = sorted(draft.options["fields"]).index("status")
    meant = {f"choice-{place}-{n}": STATUS[word] for n, word in enumerate(words)}
    answer = post(person, "values", draft.pk, **meant, **{"to-owner": "email", "missing-owner": "reject"})
    assert answer.redirect_chain[-1][0] == url("check", draft.pk), answer.content.decode()

    checked = post(person, "check", draft.pk, check="1").content.decode()
    assert "20 × Eigentümer" in checked
    draft.refresh_from_db()
    assert draft.checked["figures"] == {
        "read": 300, "inserted": 280, "updated": 0, "unchanged": 0, "skipped": 0, "rejected": 20,
    }  # fmt: skip
    assert not Pov.objects.exists()
    assert not DataImportJob.objects.exists()

    story = post(person, "check", draft.pk, **{"import": "1"}).content.decode()
    job = DataImportJob.objects.get()
    assert "280 of 300 records are in" in story
    assert (job.status, job.inserted, job.rejected) == ("completed", 280, 20)
    assert set(Pov.objects.values_list("status", flat=True)) == set(STATUS.values())
    assert Pov.objects.filter(customer="Café Zürich").exists()
    assert ImportMapping.objects.get().name == "POVs of the old system"


def valued(person: Client, values: list[str], name: str = "deal_value", **columns: str) -> ImportDraft:
    """Prepare POVs with these values in a column, beside what else they need."""
    rows = [
        ["legacy_id", "title", "customer", "owner", name],
        *(
            [n, f"Title {n}", "Customer", "consultant@example.com", value]
            for n, value in enumerate(values, 1)
        ),
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    person.post(url("begin", "cortex.pov"), {"text": text.getvalue(), "way": ""}, follow=True)
    draft = ImportDraft.objects.get()
    fields = {f"field-{n}": column["column"] for n, column in enumerate(draft.guess["fields"])}
    answer = post(person, "columns", draft.pk, **fields, key="", on_conflict="reject", **columns)
    assert answer.redirect_chain[-1][0] == url("values", draft.pk), answer.content.decode()
    post(person, "values", draft.pk, **{"to-owner": "email"})
    draft.refresh_from_db()
    return draft


def stored(name: str) -> Counter[str]:
    return Counter(str(value) for value in Pov.objects.values_list(name, flat=True))


@pytest.mark.parametrize(
    ("name", "good", "bad", "told", "meant"),
    [
        ("deal_value", ["1.50"] * 60, ["1.250,00 €"] * 10, "Read with a decimal comma", {"1.50": 60, "1250.00": 10}),
        # The column has a decimal comma itself: what is proposed is written as the column is.
        ("deal_value", ["1,50"] * 60, ["1,250.00"] * 10, "Read with a decimal point", {"1.50": 60, "1250.00": 10}),
        ("start_date", ["31.12.2024"] * 60, ["2025-02-13"] * 10, "Read as year, month, day",
         {"2024-12-31": 60, "2025-02-13": 10}),
        ("deal_value", ["1.50"] * 60, ["n/a"] * 3, "Read as empty", {"1.50": 60, "None": 3}),
    ],
)  # fmt: skip
def test_one_click_applies_what_the_check_proposes(
    person: Client, media: Path, name: str, good: list[str], bad: list[str], told: str, meant: dict[str, int]
) -> None:
    draft = valued(person, [*good, *bad], name)
    reading = {"deal_value": {"decimal": ",", "thousands": "."}, "start_date": {"formats": ["%d.%m.%Y"]}}
    fields = draft.options["fields"]
    own = reading[name] if "," in good[0] or name == "start_date" else {}
    draft.options["fields"] = fields | {name: {"column": name} | own}
    draft.options.pop("null_values", None)
    draft.save()
    checked = text_of(post(person, "check", draft.pk, check="1"))
    draft.refresh_from_db()
    assert draft.checked["figures"]["rejected"] == len(bad)
    assert f'{len(bad)} × <q class="im-value">{bad[0]}</q> becomes' in checked
    repairs = [repair["told"].capitalize() for repair in draft.checked["families"][0]["repairs"]]

    post(person, "check", draft.pk, repair=f"{name}.{repairs.index(told)}")

    draft.refresh_from_db()
    assert (draft.checked["figures"]["inserted"], draft.checked["figures"]["rejected"]) == (
        sum(meant.values()),
        0,
    )
    post(person, "check", draft.pk, **{"import": "1"})
    assert stored(name) == meant


@pytest.mark.parametrize("value", ["12 %", "1.250,00 %", "about 12", "12 apples"])
def test_nothing_is_proposed_for_what_is_another_number(person: Client, media: Path, value: str) -> None:
    draft = valued(person, [*["1.50"] * 60, value])

    page = text_of(post(person, "check", draft.pk, check="1"))

    assert value in page
    assert 'name="repair"' not in page


def test_a_draft_is_imported_once_however_often_it_is_sent(person: Client, media: Path) -> None:
    draft = valued(person, ["1.50"] * 5)
    post(person, "check", draft.pk, check="1")
    sent = {"version": version(person.get(url("check", draft.pk))), "import": "1"}

    with ThreadPoolExecutor(2) as two:
        answers = list(two.map(lambda _: person.post(url("check", draft.pk), sent).status_code, range(2)))
    again = post(person, "check", draft.pk, **{"import": "1"})

    assert answers == [302, 302]
    assert "was imported already" in text_of(again)
    assert "See the import" in text_of(person.get(url("check", draft.pk)))
    assert (DataImportJob.objects.count(), Pov.objects.count()) == (1, 5)


def test_what_was_undone_can_be_imported_from_the_same_draft(person: Client, media: Path) -> None:
    draft = valued(person, ["1.50"] * 5)
    post(person, "check", draft.pk, check="1")
    post(person, "check", draft.pk, **{"import": "1"})
    undo_import(DataImportJob.objects.get().pk)
    assert not Pov.objects.exists()

    post(person, "check", draft.pk, **{"import": "1"})

    assert (DataImportJob.objects.count(), Pov.objects.count()) == (2, 5)


def test_a_job_that_needs_a_second_person_is_checked_as_any_other(
    person: Client, media: Path, settings: Any
) -> None:
    settings.IMPORTER = settings.IMPORTER | {"REVIEW": True}
    draft = valued(person, ["1.50"] * 5)

    post(person, "check", draft.pk, check="1")
    draft.refresh_from_db()
    story = text_of(post(person, "check", draft.pk, **{"import": "1"}))

    assert draft.checked["figures"]["inserted"] == 5
    assert DataImportJob.objects.get().status == "awaiting_approval"
    assert "approve" in story
    assert not Pov.objects.exists()


def test_of_two_tabs_the_later_one_is_told(person: Client, messy: SimpleUploadedFile) -> None:
    draft = begun(person, messy)
    old = version(person.get(url("columns", draft.pk)))
    post(person, "columns", draft.pk, **chosen(draft))
    stored = ImportDraft.objects.get().options

    answer = person.post(url("columns", draft.pk), {"version": old, "field-0": ""}, follow=True)

    assert "changed in another tab" in answer.content.decode()
    assert ImportDraft.objects.get().options == stored


def test_nobody_sees_the_draft_of_another(person: Client, messy: SimpleUploadedFile) -> None:
    draft = begun(person, messy)
    other = Client()
    other.force_login(User.objects.create_superuser("other@example.com", "x"))

    answers = [other.get(url(page, draft.pk)).status_code for page in ("file", "columns", "values", "check")]

    assert answers == [404] * 4


def test_who_may_not_add_records_begins_nothing(messy: SimpleUploadedFile) -> None:
    client = Client()
    client.force_login(User.objects.create_user("staff@example.com", "x", is_staff=True))

    assert client.get(url("begin", "cortex.pov")).status_code == 404
    assert client.get(url("begin", "cortex.user")).status_code == 404


def test_a_file_that_cannot_be_read_is_refused_in_one_line(person: Client, media: Path, folder: Path) -> None:
    answer = person.post(url("begin", "cortex.pov"), {"upload": SimpleUploadedFile("a.xlsx", b"no workbook")})

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not ImportDraft.objects.exists()
    assert uploads(folder) == [], "what is refused is not kept"


def test_markup_in_cells_is_text(person: Client, messy: SimpleUploadedFile) -> None:
    text = "title,customer,owner\n<script>alert(1)</script>,<b>x</b>,consultant@example.com\n"
    person.post(url("begin", "cortex.pov"), {"text": text, "way": ""})
    draft = ImportDraft.objects.get()

    pages = [
        person.get(url(page, draft.pk), follow=True).content.decode()
        for page in ("file", "columns", "values", "check")
    ]

    assert not any("<script>alert" in page or "<b>x</b>" in page for page in pages)
    assert "&lt;script&gt;" in pages[0]


def test_a_header_of_two_thousand_columns_fits_into_a_form(person: Client, media: Path) -> None:
    names = [f"column {n}" for n in range(1_997)] + ["title", "customer", "owner"]
    text = ",".join(names) + "\n" + ",".join(["x"] * 1_999 + ["consultant@example.com"]) + "\n"
    person.post(url("begin", "cortex.pov"), {"text": text, "way": ""})
    draft = ImportDraft.objects.get()

    page = person.get(url("columns", draft.pk)).content.decode()
    answer = post(person, "columns", draft.pk, **{f"field-{n}": "" for n in range(400)})

    assert "1600 more columns" in page
    assert 'name="field-1997"' in page
    assert answer.status_code == 200


def test_a_draft_that_is_not_imported_is_on_the_start_page(person: Client, messy: SimpleUploadedFile) -> None:
    draft = begun(person, messy)

    start = person.get(url("start")).content.decode()

    assert f'href="{url("columns", draft.pk)}"' in start


def test_an_old_draft_goes_with_its_upload(person: Client, messy: SimpleUploadedFile, folder: Path) -> None:
    draft = begun(person, messy)
    assert prune_drafts(30).deleted == 0
    assert len(uploads(folder)) == 1
    draft.updated_at -= dt.timedelta(days=31)
    draft.save()

    pruned = prune_drafts(30)

    assert (pruned.deleted, pruned.failures, uploads(folder)) == (1, (), [])


def test_a_draft_whose_sample_names_a_person_is_erased(person: Client, messy: SimpleUploadedFile) -> None:
    begun(person, messy)

    said = erase_user(User.objects.get(email="consultant@example.com"))

    assert "1 drafts of imports whose samples named them" in said["erased"]
    assert not ImportDraft.objects.exists()


def uploads(folder: Path) -> list[Path]:
    return [path for path in (folder / "media").rglob("*") if path.is_file()]


def a_table(name: str, values: list[str], first: int = 1) -> str:
    rows = [f"{n},Title {n},Customer,consultant@example.com,{v}" for n, v in enumerate(values, first)]
    return "\n".join([f"legacy_id,title,customer,owner,{name}", *rows]) + "\n"


def test_a_repaired_order_of_dates_is_kept_for_the_next_file(person: Client, media: Path) -> None:
    iso = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(60)]
    draft = valued(person, [*iso, "31.12.2024", "04.04.2024", "05.06.2024"], "start_date")
    draft.mapping_name = "By day"
    draft.save()
    post(person, "check", draft.pk, check="1")
    draft.refresh_from_db()
    (repair,) = [r for r in draft.checked["families"][0]["repairs"] if r["told"].startswith("read as")]
    assert (repair["told"], repair["records"]) == ("read as day, month, year", 3)

    post(person, "check", draft.pk, repair="start_date.0")
    post(person, "check", draft.pk, **{"import": "1"})

    mapping = ImportMapping.objects.filter(name="By day").latest("version")
    assert mapping.options["fields"]["start_date"]["formats"] == ["%Y-%m-%d", "%d.%m.%Y"]
    later = a_table("start_date", ["30.11.2025", "07.08.2025", "2025-09-10"], first=100)
    answer = person.post(
        url("begin", "cortex.pov"), {"text": later, "way": f"mapping:{mapping.pk}"}, follow=True
    )
    following = ImportDraft.objects.latest("pk")
    assert answer.redirect_chain[-1][0] == url("check", following.pk)
    assert not Pov.objects.filter(legacy_id__gte=100).exists(), "it is checked first"
    post(person, "check", following.pk, check="1")
    post(person, "check", following.pk, **{"import": "1"})
    days = Pov.objects.filter(legacy_id__gte=100).order_by("legacy_id").values_list("start_date", flat=True)
    assert list(map(str, days)) == ["2025-11-30", "2025-08-07", "2025-09-10"]


def test_of_two_orders_of_dates_the_other_one_can_be_chosen_afterwards(person: Client, media: Path) -> None:
    iso = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(60)]
    draft = valued(person, [*iso, "04.04.2024", "05.06.2024"], "start_date")
    shown = text_of(post(person, "check", draft.pk, check="1"))
    assert "05.06.2024</q>" in shown, "an example that tells them apart"
    draft.refresh_from_db()
    told = [repair["told"] for repair in draft.checked["families"][0]["repairs"]]
    assert told == ["read as day, month, year", "read as month, day, year"]

    post(person, "check", draft.pk, repair="start_date.1")
    draft.refresh_from_db()

    assert draft.options["fields"]["start_date"]["formats"] == ["%Y-%m-%d", "%m.%d.%Y"]


def test_dates_with_blanks_around_are_read_by_the_proposed_format(person: Client, media: Path) -> None:
    draft = valued(person, [*["2024-01-05"] * 60, " 31.12.2024 ", "30.11.2024"], "start_date")
    post(person, "check", draft.pk, check="1")

    post(person, "check", draft.pk, repair="start_date.0")

    draft.refresh_from_db()
    assert (draft.checked["figures"]["inserted"], draft.checked["figures"]["rejected"]) == (62, 0)


@pytest.mark.parametrize(
    "text",
    [
        "2024-12-31", "2024-12-31 10:20", "2024-12-31T10:20:30", "2024-12-31 10:20:30.5", "2024-12-31T10:20:30Z",
        "2024-12-31T10:20+01:00", "2024-12-31 10:20:30.123456-0530",
    ],
)  # fmt: skip
def test_the_formats_of_iso_read_moments_as_django_does(text: str) -> None:
    read = [moment for each in ISO_MOMENTS if (moment := read_by(each, text))]

    assert read == [parse_datetime(text) or dt.datetime.fromisoformat(text)]


def read_by(format_: str, text: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, format_)  # noqa: DTZ007 (some have no zone)
    except ValueError:
        return None


def test_a_file_that_a_mapping_does_not_fit_is_refused_before_it_is_kept(
    person: Client, media: Path, folder: Path
) -> None:
    draft = valued(person, ["1.50"] * 5)
    draft.mapping_name = "Fitting"
    draft.save()
    post(person, "check", draft.pk, check="1")
    mapping = ImportMapping.objects.filter(name="Fitting").latest("version")
    before = (ImportDraft.objects.count(), len(uploads(folder)))
    other = a_table("deal_value", ["1.50"] * 5).replace("customer", "customers", 1)

    answer = person.post(url("begin", "cortex.pov"), {"text": other, "way": f"mapping:{mapping.pk}"})

    assert 'it lacks the column "customer", did you mean "customers"?' in unescape(text_of(answer))
    assert (ImportDraft.objects.count(), len(uploads(folder))) == before


def test_an_import_that_changed_rows_is_undone(person: Client, media: Path) -> None:
    draft = valued(person, ["1.50"] * 5)
    post(person, "check", draft.pk, **{"import": "1"})
    before = stored("deal_value")
    person.post(url("begin", "cortex.pov"), {"text": a_table("deal_value", ["9.00"] * 5), "way": ""})
    second = ImportDraft.objects.latest("pk")
    fields = {f"field-{n}": column["column"] for n, column in enumerate(second.guess["fields"])}
    post(person, "columns", second.pk, **fields, key="legacy_id", on_conflict="update")
    post(person, "values", second.pk, **{"to-owner": "email"})
    post(person, "check", second.pk, **{"import": "1"})
    assert stored("deal_value") == {"9.00": 5}
    job = DataImportJob.objects.latest("pk")

    person.post(url("undo", job.pk))

    assert stored("deal_value") == before


def test_another_reading_of_numbers_can_be_taken_back(person: Client, media: Path) -> None:
    draft = valued(person, [f"1.{n:03}" for n in range(60)])
    place = next(n for n, c in enumerate(draft.guess["fields"]) if c["column"] == "deal_value")
    fields = {f"field-{n}": column["column"] for n, column in enumerate(draft.guess["fields"])}

    def read(reading: str) -> dict[str, Any]:
        post(person, "columns", draft.pk, **fields, **{f"reading-{place}": reading}, key="")
        draft.refresh_from_db()
        given: dict[str, Any] = draft.options["fields"]["deal_value"]
        return given

    guessed = draft.options["fields"]["deal_value"]
    assert read("1") == guessed | {"decimal": ",", "thousands": "."}
    page = person.get(url("columns", draft.pk)).content.decode()
    assert '<option value="1" selected>“.” is a sign between thousands</option>' in page
    assert read("") == guessed | {"decimal": ",", "thousands": "."}, "nothing was chosen"
    assert read("0") == guessed
    assert person.get(url("values", draft.pk)).status_code == 200


def test_a_unique_field_may_tell_rows_apart_before_a_column_fills_it(person: Client, media: Path) -> None:
    draft = valued(person, ["1.50"] * 5)
    fields = {f"field-{n}": column["column"] for n, column in enumerate(draft.guess["fields"])}
    place = next(n for n, c in enumerate(draft.guess["fields"]) if c["column"] == "legacy_id")
    without = fields | {f"field-{place}": ""}
    post(person, "columns", draft.pk, **without, key="")
    assert "(unique)" in person.get(url("columns", draft.pk)).content.decode()

    refused = post(person, "columns", draft.pk, **without, key="legacy_id")
    taken = post(person, "columns", draft.pk, **fields, key="legacy_id")

    assert "No column fills" in text_of(refused)
    assert taken.redirect_chain[-1][0] == url("values", draft.pk)
    draft.refresh_from_db()
    assert draft.options["key"] == ["legacy_id"]


def test_a_draft_is_thrown_away_with_its_file(
    person: Client, messy: SimpleUploadedFile, folder: Path
) -> None:
    draft = begun(person, messy)
    old = version(person.get(url("file", draft.pk)))

    answer = person.post(url("file", draft.pk), {"version": old, "discard": "1"}, follow=True)

    assert answer.redirect_chain[-1][0] == url("start")
    assert "was thrown away" in text_of(answer)
    assert not ImportDraft.objects.exists()
    assert uploads(folder) == []
    assert person.post(url("file", draft.pk), {"version": old, "discard": "1"}).status_code == 404


def test_after_another_sheet_was_chosen_the_first_one_can_be_chosen_again(
    person: Client, media: Path
) -> None:
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as workbook:
        for name in ("One", "Two"):
            sheet = workbook.add_worksheet(name)
            sheet.write_row(0, 0, ["title", "customer", "owner"])
            sheet.write_row(1, 0, [f"Title {name}", "Acme", "consultant@example.com"])
    draft = begun(person, SimpleUploadedFile("book.xlsx", book.getvalue()))

    for name in ("Two", "One"):
        post(person, "file", draft.pk, sheet=name)
        page = person.get(url("file", draft.pk)).content.decode()
        assert f"<option selected>{name}</option>" in page
        assert page.count("<option>One</option>") + page.count("<option>Two</option>") == 1
        assert f"Title {name}" in page
