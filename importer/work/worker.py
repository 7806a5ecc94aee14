"""A worker: claims chunks and carries them through the pipeline until none is left.

The same function runs in this process, in a process of its own (`python -m importer.executors.worker_process`) and on
other machines (`importer.tasks`). Workers share nothing but the ledger.
"""

import contextlib
import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections
from psycopg import Error as PsycopgError

from importer import ledger
from importer.conf import conf
from importer.exceptions import ChunkFailed, DatabaseGone, LeaseLost, first_line
from importer.ledger import Lease, Owner
from importer.models import DataImportJob
from importer.parse import Reader, open_reader
from importer.specs.compile import compile_mapping
from importer.specs.registry import get_spec
from importer.work.control import Control
from importer.work.pipeline import Stages, run_chunk
from importer.write.sample import Sample

# Classes of SQLSTATE that pass by themselves: connection, resources, shutdown, serialization, deadlock, lock timeout.
TRANSIENT = ("08", "53", "57P", "40001", "40P01", "55P03")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

T = TypeVar("T")


def is_transient(error: BaseException) -> bool:
    """Whether trying again makes sense: the database was away or busy, the records are not to blame."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    state = cause.sqlstate if isinstance(cause, PsycopgError) else None
    return state is None or state.startswith(TRANSIENT)


class Worker:
    """`chunk_id`: work on that chunk alone, if nobody has it."""

    def __init__(
        self,
        job: DataImportJob,
        control: Control,
        *,
        sample: Sample | None = None,
        chunk_id: int | None = None,
    ) -> None:
        self.job = job
        self.chunk_id = chunk_id
        self.control = control
        self.sample = sample
        self.owner = Owner()
        self.stages: Stages | None = None
        self.reader: Reader | None = None
        self.lease: Lease | None = None
        self.trouble = ""

    def drain(self) -> None:
        """Work until no chunk is left to claim, or until asked to stop.

        Raises ImporterError where the job cannot go on, and DatabaseError for what is neither transient nor a record.
        """
        try:
            self._drain()
        finally:
            self._leave()

    def _drain(self) -> None:
        patience = None
        connected = False
        while not self.control.stopping:
            try:
                if not connected:
                    self._connect()
                    connected = True
                worked = self._work_on_next_chunk()
                if self.chunk_id is not None or (not worked and not ledger.has_open_chunks(self.job)):
                    break
                patience = None
                if not worked:
                    self.control.idle()  # others have the last ones; should they die, their chunks are ours
            except LeaseLost as lost:
                ledger.log(
                    self.job, "lease_lost", str(lost), chunk_id=self.lease.chunk.pk if self.lease else None
                )
            except DatabaseError as error:
                if not is_transient(error) or connections[ledger.ledger_alias()].in_atomic_block:
                    raise
                connected = False
                patience = patience_of(self.control, before=patience)
                self._recover(error, patience)

    def _leave(self) -> None:
        """Nothing of ours may stand in the way of the next run, however this one ended."""
        if self.reader:
            self.reader.close()
        with contextlib.suppress(DatabaseError):
            if self.lease:
                ledger.release(self.lease)
            self.owner.retire()

    def _connect(self) -> None:
        self.owner.announce()
        self._note_trouble()
        mapping = compile_mapping(get_spec(self.job.spec), self.job.columns or [])
        self.stages = Stages.of(self.job, mapping, sample=self.sample)
        if self.reader is None:
            self.reader = open_reader(self.job)

    def _work_on_next_chunk(self) -> bool:
        assert self.stages
        assert self.reader
        self.lease = ledger.claim(self.job, self.owner, chunk_id=self.chunk_id)
        if self.lease is None:
            return False
        chunk = self.lease.chunk
        if chunk.attempts > conf.MAX_CHUNK_ATTEMPTS:
            raise ChunkFailed(
                f"Chunk {chunk.number} (from line {chunk.committed_line}) was given up after {chunk.attempts - 1} "
                f"attempts without progress: {chunk.last_error or 'its workers died'}."
            )
        run_chunk(self.stages, self.lease, self.reader, self.control)
        return True

    def _recover(self, error: Exception, patience: "Patience") -> None:
        """Wait for the database, longer each time. What was committed is in the ledger; we go on from there."""
        pause = patience.next_pause(error)
        for connection in connections.all(initialized_only=True):
            connection.close()
        self.trouble = first_line(error)
        self.control.wait(pause)

    def _note_trouble(self) -> None:
        """Only once we are announced again: until then, our own former self may hold the chunk locked."""
        if self.trouble:
            ledger.log(self.job, "retry", self.trouble)
            if self.lease:
                ledger.note_failure(self.lease, self.trouble)
            self.trouble = ""


def patiently(call: Callable[[], T], control: Control) -> T:
    """Call, and call again while the database is away. For calls that may be repeated, outside of transactions."""
    patience = None
    while True:
        try:
            return call()
        except DatabaseError as error:
            in_transaction = connections[ledger.ledger_alias()].in_atomic_block
            if not is_transient(error) or in_transaction or control.stopping:
                raise
            patience = patience_of(control, before=patience)
            pause = patience.next_pause(error)
            for connection in connections.all(initialized_only=True):
                connection.close()
            control.wait(pause)


def patience_of(control: Control, *, before: "Patience | None") -> "Patience":
    """What is left of the patience of before, or a new one: in the first trouble, and in the first since a batch."""
    if before is None or control.last_batch_at > before.since:
        return Patience()
    return before


class Patience:
    """Back-off with jitter, within `RETRY_SECONDS` of trouble without any progress. Begins with the trouble."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.pause = FIRST_PAUSE

    def next_pause(self, error: Exception) -> float:
        """Raises DatabaseGone when there has been enough of it."""
        if time.monotonic() - self.since >= conf.RETRY_SECONDS:
            raise DatabaseGone(
                f"The database did not come back within {conf.RETRY_SECONDS:.0f} s: {first_line(error)}"
            )
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        return pause * random.uniform(0.5, 1.5)
