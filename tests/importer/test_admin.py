from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.urls import reverse

from importer import run_import
from importer.models import DataImportJob
from tests.cortex.factories import UserFactory
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("model", ["importchunk", "stagingrecord", "migrationlog"])
def test_the_ledger_can_be_looked_at_but_not_changed(
    client: Client, importing: Importing, model: str
) -> None:
    importing("companies", "code,name\nC1,One\nfar-too-long-a-code,Two\n")
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    page = client.get(reverse(f"admin:importer_{model}_changelist"))

    assert page.status_code == 200
    assert client.get(reverse(f"admin:importer_{model}_add")).status_code == 403


def test_a_running_job_can_be_asked_to_stop(client: Client) -> None:
    job = DataImportJob.objects.create(spec="companies", source="x.csv", format="csv", status="running")
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    client.post(
        reverse("admin:importer_dataimportjob_changelist"),
        {"action": "ask_to_stop", "_selected_action": job.pk},
    )

    job.refresh_from_db()
    assert job.stop_requested


def test_a_job_is_stopped_by_those_who_could_have_run_it(client: Client) -> None:
    job = DataImportJob.objects.create(spec="companies", source="x.csv", format="csv", status="running")
    reader = UserFactory(is_staff=True)
    rights = ["view_dataimportjob", "change_dataimportjob", "view_company"]
    reader.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(reader)
    asked = {"action": "ask_to_stop", "_selected_action": job.pk}

    client.post(reverse("admin:importer_dataimportjob_changelist"), asked)
    job.refresh_from_db()
    assert not job.stop_requested

    reader.user_permissions.add(Permission.objects.get(codename="add_company"))
    client.post(reverse("admin:importer_dataimportjob_changelist"), asked)
    job.refresh_from_db()
    assert job.stop_requested


@pytest.mark.parametrize("table", ["pg_authid", "information_schema.tables", "mysql.user", "SQLITE_MASTER"])
def test_a_catalogue_is_no_table_of_records(admin: Client, table: str) -> None:
    connections.settings["elsewhere"] = connections.settings["default"] | {"NAME": "legacy"}
    try:
        answer = admin.post(reverse(ADD), CHOSEN | {"source": f"db:elsewhere/{table}"})
    finally:
        del connections.settings["elsewhere"]

    assert "is a system catalogue" in answer.content.decode()


ADD = "admin:importer_dataimportjob_add"
CHOSEN = {"spec": "companies", "source": "", "name": "", "format": "", "encoding": "utf-8", "delimiter": ""}


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory(email="ann@example.com", is_staff=True, is_superuser=True))
    return client


def test_a_job_is_made_of_a_file_that_is_sent(admin: Client, folder: Path, settings: Any) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder / "media")},
        }
    }
    file = SimpleUploadedFile("old companies.csv", b"code,name\nC1,One\n")

    answer = admin.post(reverse(ADD), CHOSEN | {"upload": file}, follow=True)

    job = DataImportJob.objects.get()
    assert answer.status_code == 200
    assert "added successfully" in answer.content.decode()
    assert (job.spec, job.format, job.created_by.email) == ("companies", "csv", "ann@example.com")
    assert job.source.endswith("/old_companies.csv")
    run_import(job.pk)
    assert Company.objects.get().name == "One"


def test_a_job_is_made_of_a_source(admin: Client, folder: Path) -> None:
    (folder / "companies.txt").write_text("code;name\nC1;One\n")
    told = {"source": str(folder / "companies.txt"), "format": "csv", "delimiter": ";", "name": "Old ones"}

    admin.post(reverse(ADD), CHOSEN | told)

    job = DataImportJob.objects.get()
    assert (job.name, job.format, job.delimiter) == ("Old ones", "csv", ";")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "Name a source or choose a file, not both."),
        ({"source": "/etc/passwd", "format": "csv"}, "outside"),
        ({"source": "nowhere.csv"}, "nowhere.csv"),
        ({"source": "s3://others/x.csv"}, "REMOTE_ROOTS"),
        ({"source": "x.csv", "spec": "cortex.settings"}, "not one of the available choices"),
        ({"source": "x.csv", "encoding": "klingon"}, "klingon"),
        ({"source": "x.csv", "delimiter": "ab"}, "delimiter"),
        ({"source": "x.csv", "encoding": "u" * 50}, "at most 40 characters"),
        ({"source": "x\0.csv"}, "Null characters"),
        ({"source": "db:default/users"}, "a table of the site"),
        ({"source": "db:nowhere/users"}, "nowhere"),
        ({"source": "storage:default/../secrets.csv"}, "rename the file"),
        ({"source": "storage:staticfiles/x.csv"}, "outside"),
    ],
    ids=str,
)
def test_what_cannot_be_a_job_is_told_beside_the_form(
    admin: Client, folder: Path, told: dict[str, str], said: str
) -> None:
    answer = admin.post(reverse(ADD), CHOSEN | told)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not DataImportJob.objects.exists()


def test_the_form_says_how_the_file_is_written(admin: Client, folder: Path) -> None:
    (folder / "companies.csv").write_text("a title\n# note\nC1|'One'|\nC2|Two|\ntotal\n")
    told = {
        "source": str(folder / "companies.csv"), "delimiter": "|", "quote": "'", "escape": "none", "comment": "#",
        "skip_lines": "1", "footer_lines": "1", "no_header": "on", "columns": "code, name", "trailing_delimiter": "on",
    }  # fmt: skip

    answer = admin.post(reverse(ADD), CHOSEN | told)

    assert answer.status_code == 302, answer.context["errors"]
    job = DataImportJob.objects.get()
    assert job.dialect == {
        "quote": "'", "escape": None, "comment": "#", "skip_lines": 1, "footer_lines": 1, "header": False,
        "columns": ["code", "name"], "trailing_delimiter": True,
    }  # fmt: skip
    run_import(job)
    assert list(Company.objects.order_by("code").values_list("code", "name")) == [
        ("C1", "One"),
        ("C2", "Two"),
    ]


@pytest.mark.parametrize(
    ("field", "told", "said"),
    [
        ("quote", {"quote": "''"}, 'Invalid quote "&#x27;&#x27;": use one character other than a blank'),
        ("escape", {"escape": "e"}, 'Invalid escape "e": use an ASCII character'),
        ("comment", {"comment": '"x'}, "Invalid comment"),
        ("delimiter", {"delimiter": '"'}, "without the quote, the escape, line breaks and NUL."),
        ("skip_lines", {"skip_lines": "-1"}, 'Invalid skip_lines "-1": use a number of lines, 0 or more.'),
        ("footer_lines", {"footer_lines": "two"}, "Enter a whole number."),
        ("columns", {"columns": "a,b"}, "Columns are named by the header; name them only without one."),
        ("columns", {"no_header": "on"}, "A file without a header needs the names of its columns"),
        ("columns", {"no_header": "on", "columns": "a,a"}, 'The column "a" is named more than once'),
        ("widths", {"widths": "3,x"}, 'Invalid width "x": use a number of characters'),
        ("widths", {"widths": "3,4", "delimiter": ";"}, "Fields of fixed widths have no delimiter"),
        ("encoding", {"encoding": "klingon"}, 'Unknown encoding "klingon"'),
        ("format", {"source": "companies"}, "does not tell the format"),
        ("format", {"format": "table"}, 'is a file; its format cannot be "table"'),
        ("sheet", {"sheet": "One"}, "has no sheets; leave"),
        ("quote", {"source": "x.xlsx", "quote": "'"}, "is a workbook, which has no quote"),
        ("source", {"source": "nowhere.csv"}, "nowhere.csv"),
    ],
    ids=str,
)
def test_a_refusal_is_told_beside_its_field(
    admin: Client, folder: Path, field: str, told: dict[str, str], said: str
) -> None:
    (folder / "companies.csv").write_text("code,name\n")

    answer = admin.post(reverse(ADD), CHOSEN | {"source": str(folder / "companies.csv")} | told)

    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert said.replace("&#x27;", "'") in errors[field][0]
    assert not DataImportJob.objects.exists()


def test_several_files_that_are_sent_are_one_job(admin: Client, folder: Path, settings: Any) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder / "media")},
        }
    }
    files = [SimpleUploadedFile(f"{n}.csv", f"code,name\nC{n},x\n,y\n".encode()) for n in (10, 2)]

    admin.post(reverse(ADD), CHOSEN | {"upload": files})

    job = DataImportJob.objects.get()
    assert run_import(job).inserted == 2
    page = admin.get(reverse("admin:importer_stagingrecord_changelist")).content.decode()
    assert "2.csv, line 3" in page
    assert "10.csv, line 3" in page


def test_a_job_that_is_there_is_looked_at_and_not_changed(admin: Client) -> None:
    job = DataImportJob.objects.create(spec="companies", source="x.csv", format="csv")
    address = reverse("admin:importer_dataimportjob_change", args=[job.pk])

    assert admin.get(address).status_code == 200
    assert admin.post(address, CHOSEN | {"source": "other.csv"}).status_code == 403


def test_a_strange_spelling_of_an_encoding_is_one_all_the_same(admin: Client, folder: Path) -> None:
    (folder / "companies.csv").write_text("code,name\nC1,Une société\n", encoding="latin-1")

    admin.post(reverse(ADD), CHOSEN | {"source": str(folder / "companies.csv"), "encoding": "/latin/1"})
    run_import(DataImportJob.objects.get().pk)

    assert Company.objects.get().name == "Une société"


def test_the_permission_to_add_jobs_makes_none(client: Client, folder: Path) -> None:
    """With a spec of users, anybody who may create jobs could take over an account."""
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__endswith="_dataimportjob"))
    client.force_login(clerk)
    (folder / "companies.csv").write_text("code,name\nC1,One\n")

    answer = client.post(reverse(ADD), CHOSEN | {"source": str(folder / "companies.csv")})

    assert answer.status_code == 403
    assert not DataImportJob.objects.exists()


def test_whoever_may_write_companies_makes_jobs_of_companies(client: Client, folder: Path) -> None:
    clerk = UserFactory(is_staff=True)
    rights = ("add_dataimportjob", "add_company")
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    client.force_login(clerk)
    (folder / "companies.csv").write_text("code,name\nC1,One\n")
    told = CHOSEN | {"source": str(folder / "companies.csv")}

    refused = client.post(reverse(ADD), told | {"spec": "contacts"})
    answer = client.post(reverse(ADD), told)

    assert "contacts is not one of the available choices" in refused.content.decode()
    job = DataImportJob.objects.get()
    story = reverse("admin:importer_import_story", args=[job.pk])
    assert (answer.status_code, answer["Location"]) == (302, story)
    assert client.get(story).status_code == 200
    assert client.get(reverse("admin:importer_dataimportjob_changelist")).status_code == 403
    assert client.get(reverse("admin:importer_dataimportjob_change", args=[job.pk])).status_code == 403


def test_a_second_way_to_the_sites_database_is_no_way_around(admin: Client, folder: Path) -> None:
    connections.settings["replica"] = connections.settings["default"]
    try:
        answer = admin.post(reverse(ADD), CHOSEN | {"source": "db:replica/users"})
    finally:
        del connections.settings["replica"]

    assert "a table of the site" in answer.content.decode()


def test_a_tab_is_a_delimiter(admin: Client, folder: Path) -> None:
    (folder / "companies.txt").write_text("code\tname\nC1\tOne\n")

    admin.post(reverse(ADD), CHOSEN | {"source": str(folder / "companies.txt"), "delimiter": "\t"})

    assert DataImportJob.objects.get().delimiter == "\t"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (".csv", "/upload.csv"),
        ("?.csv", "/upload.csv"),
        ("ё" * 200 + ".csv", "ё.csv"),
        ("..csv", "/upload..csv"),
    ],
    ids=["no stem", "nothing valid", "long", "dots"],
)
def test_a_file_that_is_sent_may_have_any_name(
    admin: Client, folder: Path, settings: Any, name: str, kept: str
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder / "media")},
        }
    }

    admin.post(reverse(ADD), CHOSEN | {"upload": SimpleUploadedFile(name, b"code,name\nC1,One\n")})

    assert DataImportJob.objects.get().source.endswith(kept)


def test_a_file_that_is_too_large_is_not_kept(admin: Client, folder: Path, settings: Any) -> None:
    settings.IMPORTER |= {"SPOOL_MAX_BYTES": 10}

    answer = admin.post(
        reverse(ADD), CHOSEN | {"upload": SimpleUploadedFile("x.csv", b"code,name\nC1,One\n")}
    )

    assert "more than the 10 allowed" in answer.content.decode()
