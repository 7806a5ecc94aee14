"""A worker that lost its lease writes nothing: each statement by itself, and a worker that is frozen."""

import signal
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from importer import ledger
from importer.exceptions import LeaseLost
from importer.ledger.holds import Owner
from importer.ledger.leases import Lease
from importer.models import DataImportJob, ImportChunk
from importer.records import Counts, Position
from tests.importer.private_site import FREEZABLE, PrivateSite, workers_of

Alter = Callable[[Lease], Any]
END = Position(offset=50, line=3)


@pytest.fixture
def taken_over(db: None) -> tuple[Lease, Lease]:
    """The lease of a worker that was taken for dead, and that of the worker that has the chunk now."""
    job = DataImportJob.objects.create(spec="contacts", source="x.csv", format="csv", status="running")
    ImportChunk.objects.create(
        job=job, number=1, start_offset=0, end_offset=100, first_line=1, committed_offset=0, committed_line=1
    )
    first = ledger.claim(job, Owner())
    ImportChunk.objects.update(lease_expires_at="2020-01-01T00:00Z")
    second = ledger.claim(job, Owner())
    assert first
    assert second
    return first, second


def row() -> dict[str, Any]:
    return ImportChunk.objects.values().get()


@pytest.mark.parametrize(
    "write",
    [ledger.fence, lambda lease: ledger.advance(lease, END, Counts(2, 2), done=True)],
    ids=["fence", "advance"],
)
def test_with_a_lease_that_is_lost_nothing_is_written(taken_over: tuple[Lease, Lease], write: Alter) -> None:
    lost, held = taken_over
    before = row()

    with pytest.raises(LeaseLost, match="Another worker took over"):
        write(lost)

    assert row() == before
    write(held)
    assert row() != before


@pytest.mark.parametrize(
    "give_up",
    [ledger.release, lambda lease: ledger.note_failure(lease, "its cable was cut")],
    ids=["release", "note_failure"],
)
def test_with_a_lease_that_is_lost_another_one_s_chunk_is_left_alone(
    taken_over: tuple[Lease, Lease], give_up: Alter
) -> None:
    lost, held = taken_over
    before = row()

    give_up(lost)

    assert row() == before
    give_up(held)
    assert row() != before


@pytest.fixture
def two_chunks(transactional_db: None) -> DataImportJob:
    job = DataImportJob.objects.create(spec="contacts", source="x.csv", format="csv", status="running")
    for number in (1, 2):
        ImportChunk.objects.create(
            job=job,
            number=number,
            start_offset=0,
            end_offset=9,
            first_line=1,
            committed_offset=0,
            committed_line=1,
        )
    return job


def numbers_of(chunks: list[int]) -> list[int]:
    return list(ImportChunk.objects.filter(pk__in=chunks).order_by("number").values_list("number", flat=True))


@pytest.mark.parametrize("contested", [None, b""], ids=["in order", "surveyed"])
def test_where_the_order_decides_nothing_is_taken_before_what_comes_first(
    two_chunks: DataImportJob, contested: bytes | None
) -> None:
    two_chunks.contested = contested
    two_chunks.save()
    in_order = contested is None
    assert numbers_of(ledger.unattended_chunks(two_chunks)) == ([1] if in_order else [1, 2])
    first, stranger = ledger.claim(two_chunks, alive := Owner()), Owner()
    assert first

    with living(alive) as its:
        assert (ledger.claim(two_chunks, stranger) is None) is in_order
        # And while the server still has the row's lock of a worker that was killed, whose lease is over.
        ImportChunk.objects.update(state="pending")
        its.execute("SELECT 1 FROM data_import_chunks WHERE number = 1 FOR UPDATE")
        assert (ledger.claim(two_chunks, stranger) is None) is in_order
    ImportChunk.objects.filter(number=1).update(state="done")
    ImportChunk.objects.filter(number=2).update(state="pending")

    assert (then := ledger.claim(two_chunks, stranger))
    assert then.chunk.number == 2


def test_who_is_dead_attends_to_nothing(two_chunks: DataImportJob) -> None:
    two_chunks.contested = b""
    two_chunks.save()
    alive, dead = Owner(), Owner()
    assert ledger.claim(two_chunks, alive)

    with living(alive):
        assert ledger.claim(two_chunks, dead)
        assert ledger.attended(two_chunks) == 1
    deadline = time.monotonic() + 10  # the server notices a closed connection a moment later
    while ledger.attended(two_chunks):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def living(owner: Owner) -> Iterator[Any]:
    """A connection in a transaction that has a worker's lock, like the worker's own."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            number = zlib.crc32(owner.name.encode()) - 2**31
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [ledger.WORKERS, number])
            yield cursor
    finally:
        other.close()


@pytest.fixture
def job(private_site: PrivateSite, source: Path, undisturbed: object) -> Iterator[int]:
    private_site.sql("TRUNCATE crm_contact")
    private_site.importer = FREEZABLE
    yield private_site.create_job(source)
    private_site.kill_all()
    private_site.importer = {}


@pytest.mark.timeout(180)
def test_a_worker_that_wakes_when_its_chunk_is_another_one_s_commits_nothing_more(
    private_site: PrivateSite,
    job: int,
    undisturbed: object,
) -> None:
    process = private_site.start("run_import", str(job), "--no-progress", "--workers", "2")
    assert private_site.wait_for_batches(job, 2, process)
    frozen = workers_of(process)[0]

    private_site.freeze_until_replaced(job, frozen.pid)
    frozen.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert private_site.lost_leases(job) >= 1
    assert private_site.state_of(job) == undisturbed
