"""From a messy file to a job, in the browser, by somebody who has never seen a spec."""

import csv
import datetime as dt
import random
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from cortex.models import Pov, User
from importer.models import DataImportJob, ImportDraft, ImportMapping
from importer.privacy.erase import erase_user
from importer.privacy.retention import prune_drafts

pytestmark = pytest.mark.django_db(transaction=True)
VERSION = re.compile(r'name="version" value="(\d+)"')
STATUS = {"aktiv": "active", "geplant": "planned", "erledigt": "won"}


@pytest.fixture
def messy(folder: Path, settings: Any) -> SimpleUploadedFile:
    """A German export: a preamble, semicolons, Windows-1252, decimal commas, words for nothing."""
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = settings.STORAGES | {
        "default": local | {"OPTIONS": {"location": str(folder / "media")}}
    }
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


@pytest.fixture
def person() -> Client:
    User.objects.create_user("consultant@example.com", "x")
    admin = User.objects.create_superuser("admin@example.com", "x")
    client = Client()
    client.force_login(admin)
    return client


def url(page: str, *args: Any) -> str:
    return reverse(f"admin:importer_import_{page}", args=args)


def version(answer: Any) -> str:
    found = VERSION.search(answer.content.decode())
    assert found
    return found[1]


def post(client: Client, page: str, draft: int, **values: Any) -> Any:
    seen = client.get(url(page, draft))
    return client.post(url(page, draft), {"version": version(seen)} | values, follow=True)


def begun(client: Client, file: SimpleUploadedFile) -> ImportDraft:
    answer = client.post(url("begin", "cortex.pov"), {"upload": file, "way": ""}, follow=True)
    assert answer.status_code == 200, answer.content.decode()
    return ImportDraft.objects.get()


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


def test_one_click_applies_what_the_check_proposes(person: Client, folder: Path, settings: Any) -> None:
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = settings.STORAGES | {
        "default": local | {"OPTIONS": {"location": str(folder / "media")}}
    }
    rows = [f"{n},Title {n},Customer,consultant@example.com,{n}.50" for n in range(1, 60)]
    rows += [f'{n},Title {n},Customer,consultant@example.com,"1.250,00 €"' for n in range(60, 70)]
    text = "\n".join(["legacy_id,title,customer,owner,deal_value", *rows]) + "\n"
    answer = person.post(url("begin", "cortex.pov"), {"text": text, "way": ""}, follow=True)
    draft = ImportDraft.objects.get()
    assert answer.status_code == 200
    names = [column["column"] for column in draft.guess["fields"]]
    post(
        person,
        "columns",
        draft.pk,
        **{f"field-{n}": name for n, name in enumerate(names)},
        key="",
        on_conflict="reject",
    )
    draft.refresh_from_db()
    draft.options["lookups"]["owner"]["to"] = ["email"]
    draft.save()
    checked = post(person, "check", draft.pk, check="1").content.decode()
    assert "10 × read “1.250,00 €” as “1250.00”" in checked

    post(person, "check", draft.pk, repair="deal_value")

    draft.refresh_from_db()
    assert (draft.checked["figures"]["inserted"], draft.checked["figures"]["rejected"]) == (69, 0)


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


def test_a_file_that_cannot_be_read_is_refused_in_one_line(person: Client, messy: SimpleUploadedFile) -> None:
    answer = person.post(url("begin", "cortex.pov"), {"upload": SimpleUploadedFile("a.xlsx", b"no workbook")})

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not ImportDraft.objects.exists()


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


def test_a_header_of_two_thousand_columns_fits_into_a_form(
    person: Client, folder: Path, settings: Any
) -> None:
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = settings.STORAGES | {
        "default": local | {"OPTIONS": {"location": str(folder / "media")}}
    }
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
