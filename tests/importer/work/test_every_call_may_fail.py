"""If any call to the database or a file fails, the run ends with a reason and can be resumed."""

import contextlib
import errno
import gzip
import io
import itertools
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection
from django.db.backends.signals import connection_created

from importer import run_import
from importer.jobs import create_job
from importer.models import DataImportJob, StagingRecord
from importer.records import FATES
from importer.run.results import Progress
from importer.sources import local
from tests.importer.samples.crm.models import Company, Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

HEADER = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance"
FIELDS = ("legacy_id", "email", "first_name", "role", "company__code", "joined", "balance")
GHOSTS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Nobody listens there.
CLOSED_PORT = 1

State = tuple[list[tuple[Any, ...]], list[tuple[int, Any, Any, str]], tuple[int, ...]]


@pytest.fixture(autouse=True)
def _tiny_pieces(folder: Path, settings: Any) -> None:
    """Use chunks and batches of a few records, so that a few dozen records reach every stage of a run."""
    settings.IMPORTER |= {
        "CHUNK_BYTES": 400,
        "BATCH_SIZE_MIN": 5,
        "BATCH_SIZE_INITIAL": 5,
        "BATCH_SIZE_MAX": 5,
        "RETRY_SECONDS": 30.0,
        # Several workers' survey and settlement of contested keys, with the work itself done in this process.
        "EXECUTORS": {
            "inline": "importer.executors.inline.execute",
            "as-many": "importer.executors.inline.execute",
        },
    }


@pytest.fixture
def contacts(folder: Path) -> Path:
    """Valid and invalid records, a short one, one without a parent, and keys that repeat, near and far."""
    for number in range(1, 4):
        Company.objects.create(code=f"C{number}", name="x")
    lines = [HEADER]
    for number in range(1, 15):
        identity = {4: 3, 12: 2}.get(number, number)
        role = "nobody" if number == 6 else "User"
        company = "none" if number == 11 else f"C{number % 3 + 1}"
        day = "02/30/2020" if number == 9 else "02/28/2020"
        lines.append(f"{identity},c{number}@example.com,Name,{role},{company},{day},{number}.5")
    lines.insert(9, "8,too,short")
    path = folder / "contacts.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


ONE_WORKER = ("contacts", ("--executor", "inline"))
FRESH = ("contacts-insert", ("--executor", "as-many", "--workers", "2", "--fresh"))
SEVERAL_WORKERS = ("contacts-insert", ("--executor", "as-many", "--workers", "2"))
Way = tuple[str, tuple[str, ...]]


def begin(way: Way, path: Path) -> DataImportJob:
    Contact.objects.all().delete()
    return create_job(way[0], str(path))


def run(job: DataImportJob, way: Way) -> dict[str, Any]:
    out = io.StringIO()
    call_command(
        "run_import", str(job.pk), "--json", "--no-progress", *way[1], stdout=out, stderr=io.StringIO()
    )
    return dict(json.loads(out.getvalue()))


def undisturbed_state(path: Path, way: Way) -> State:
    job = begin(way, path)
    run(job, way)
    return state_of(job)


def run_disturbed(job: DataImportJob, way: Way) -> str:
    """Run to an allowed end: completed, or failed with a reason of one line, which is returned."""
    try:
        result = run(job, way)
    except CommandError as failed:
        error = failed
    else:
        assert result["status"] == "completed"
        return ""
    assert error.returncode == 1
    assert "\n" not in str(error)
    assert "Unexpected" not in str(error)
    return str(error)


def on_record(job: DataImportJob) -> tuple[str, str]:
    """Read the job's row, whatever the state of the connection."""
    connection.close()
    job = DataImportJob.objects.get(pk=job.pk)
    return job.status, job.error


def finish(job: DataImportJob, way: Way, undisturbed: State) -> None:
    """Repeat the command, as a new process would."""
    connection.close()
    wait_for_ghosts()
    result = run(job, way)

    assert result["status"] == "completed"
    assert state_of(job) == undisturbed


def wait_for_ghosts() -> None:
    """Wait until the server has noticed the cut connections and freed their locks."""
    for _ in range(3_000):
        with connection.cursor() as cursor:
            cursor.execute(GHOSTS)
            if cursor.fetchone()[0] == 0:
                return
        time.sleep(0.005)
    raise AssertionError("The server keeps connections that were cut.")


def state_of(job: DataImportJob) -> State:
    """Return the result of an import: rows, stored records with their reasons, counts."""
    job = DataImportJob.objects.get(pk=job.pk)
    assert job.status == "completed"
    assert job.result is not None
    counts = tuple(getattr(job, name) for name in FATES)
    assert counts == tuple(job.result[name] for name in FATES)
    rows = list(Contact.objects.order_by("legacy_id").values_list(*FIELDS))
    records = StagingRecord.objects.filter(job=job).order_by("line")
    return rows, list(records.values_list("line", "raw", "errors", "state")), counts


# The database


@dataclass
class Line:
    """The connection to the database, which is cut at one call: before the server gets it, or before its answer.

    Calls are statements, COPY and COMMIT. The socket is shut down underneath psycopg, so what follows is real: the
    server rolls back, and the client notices by itself. `for_good`: it cannot connect again either.
    """

    cut_at: int = 0
    answer_is_lost: bool = False
    for_good: bool = False
    calls: int = 0

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        self.calls += 1
        is_cut = self.calls == self.cut_at
        if is_cut and not self.answer_is_lost:
            self.cut()
        yield
        if is_cut and self.answer_is_lost:
            self.cut()
            with connection.wrap_database_errors:
                connection.connection.execute("SELECT 1")

    def cut(self) -> None:
        if self.for_good:
            connection.settings_dict["PORT"] = CLOSED_PORT
        with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        with self.call():
            return execute(*arguments)

    def watch(self, connection: Any, **_: Any) -> None:
        """Watch COPY and COMMIT too, which bypass Django's wrappers."""
        line, raw = self, connection.connection
        commit = raw.commit

        class Cursor(raw.cursor_factory):  # type: ignore[misc]
            @contextlib.contextmanager
            def copy(self, *arguments: Any) -> Iterator[Any]:
                with line.call(), super().copy(*arguments) as copy:
                    yield copy

        def watched_commit() -> None:
            with line.call():
                commit()

        raw.cursor_factory, raw.commit = Cursor, watched_commit

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        port = connection.settings_dict["PORT"]
        connection.close()
        connection_created.connect(self.watch)
        try:
            with connection.execute_wrapper(self):
                yield
        finally:
            connection_created.disconnect(self.watch)
            connection.settings_dict["PORT"] = port


LONG = [pytest.mark.long, pytest.mark.timeout(1_200)]
# Every seventh call, for several workers, and every 23rd into a bare copy; each, in every way, is for `pytest -m long`.
CASES = [
    pytest.param(SEVERAL_WORKERS, False, False, 7, id="several workers, unheard, once, every seventh"),
    pytest.param(SEVERAL_WORKERS, False, True, 7, id="several workers, unheard, for good, every seventh"),
    pytest.param(FRESH, False, False, 23, id="fresh, unheard, once, every 23rd"),
    *(
        pytest.param(way, answer_is_lost, for_good, 1, marks=LONG, id=f"{name}, {heard}, {how_long}")
        for way, name in ((ONE_WORKER, "one worker"), (SEVERAL_WORKERS, "several workers"), (FRESH, "fresh"))
        for answer_is_lost, heard in ((False, "unheard"), (True, "unanswered"))
        for for_good, how_long in ((False, "once"), (True, "for good"))
    ),
]


@pytest.mark.parametrize(("way", "answer_is_lost", "for_good", "step"), CASES)
def test_any_call_to_the_database_may_fail(
    contacts: Path, settings: Any, way: Way, answer_is_lost: bool, for_good: bool, step: int
) -> None:
    undisturbed = undisturbed_state(contacts, way)
    if for_good:
        settings.IMPORTER |= {"RETRY_SECONDS": 0.0}

    for number in itertools.count(1, step):
        job = begin(way, contacts)
        line = Line(number, answer_is_lost, for_good)
        with line.watched():
            error = run_disturbed(job, way)

        connection.close()
        if not error:
            assert state_of(job) == undisturbed
        else:
            if error.startswith("Job") and not for_good:
                assert on_record(job) == ("failed", error.removeprefix(f"Job {job.pk} failed: "))
            finish(job, way, undisturbed)
        if line.calls < number:
            break
    assert number > 50


def test_a_plan_that_was_lost_is_made_again_for_the_same_object(contacts: Path) -> None:
    undisturbed = undisturbed_state(contacts, ONE_WORKER)

    for number in range(1, 14):
        job = begin(ONE_WORKER, contacts)
        with Line(number).watched(), contextlib.suppress(DatabaseError):
            run_import(job, executor="inline")
        connection.close()
        wait_for_ghosts()
        run_import(job, executor="inline")

        assert state_of(job) == undisturbed


def test_patience_begins_with_the_trouble_and_anew_after_each_batch(contacts: Path, settings: Any) -> None:
    undisturbed = undisturbed_state(contacts, ONE_WORKER)
    settings.IMPORTER |= {"CHUNK_BYTES": 10_000, "RETRY_SECONDS": 0.2}
    job = begin(ONE_WORKER, contacts)
    line = Line()

    def cut_after_a_while(progress: Progress) -> None:
        time.sleep(0.3)
        line.cut()

    result = run_import(job, executor="inline", on_progress=cut_after_a_while)

    assert (result.status, result.reason) == ("completed", "")
    assert state_of(job) == undisturbed


# Files


@dataclass
class Disk:
    """A disk on which one read fails."""

    fail_at: int
    reads: int = 0

    def open(self, descriptor: int, mode: str) -> io.BufferedReader:
        return io.BufferedReader(DiskFile(descriptor, mode, disk=self))

    def read(self) -> None:
        self.reads += 1
        if self.reads == self.fail_at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


class DiskFile(io.FileIO):
    def __init__(self, descriptor: int, mode: str, *, disk: Disk) -> None:
        super().__init__(descriptor, mode)
        self.disk = disk

    def readinto(self, buffer: Any) -> int | None:
        self.disk.read()
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self.disk.read()
        return super().readall()


@pytest.mark.parametrize("name", ["contacts.csv", pytest.param("contacts.csv.gz", marks=pytest.mark.long)])
def test_any_read_of_the_source_may_fail(contacts: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = packed(contacts, name)
    undisturbed = undisturbed_state(path, SEVERAL_WORKERS)

    for number in itertools.count(1):
        job = begin(SEVERAL_WORKERS, path)
        disk = Disk(number)
        with monkeypatch.context() as patched:
            patched.setattr(local, "open", disk.open, raising=False)
            error = run_disturbed(job, SEVERAL_WORKERS)

        if disk.reads < number:
            break
        assert "Input/output error" in error
        assert on_record(job) == ("failed", error.removeprefix(f"Job {job.pk} failed: "))
        finish(job, SEVERAL_WORKERS, undisturbed)
    assert number > 5


def test_a_spool_that_cannot_be_written_leaves_nothing_behind(contacts: Path, settings: Any) -> None:
    path = packed(contacts, "contacts.csv.gz")
    undisturbed = undisturbed_state(path, ONE_WORKER)
    job = begin(ONE_WORKER, path)

    with largest_file(bytes_=100):
        error = run_disturbed(job, ONE_WORKER)

    assert "cannot be unpacked: File too large" in error
    assert on_record(job)[0] == "failed"
    assert not list(Path(settings.IMPORTER["SPOOL_DIR"]).iterdir())
    finish(job, ONE_WORKER, undisturbed)


def packed(path: Path, name: str) -> Path:
    if name.endswith(".gz"):
        path.with_name(name).write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return path.with_name(name)


@contextlib.contextmanager
def largest_file(*, bytes_: int) -> Iterator[None]:
    """Limit the size of files, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
