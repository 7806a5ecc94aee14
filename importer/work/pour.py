"""Writes a chunk's gathered records into the target, in the order of the source, batch by batch.

It is known of them that none depends on another (`importer.gather`). What collides with rows of the target, or is
refused by the database, is rejected with its texts as the source has them.
"""

import time
from dataclasses import dataclass

from django.db import connections, transaction

from importer import ledger
from importer.ledger import Lease
from importer.models import ImportChunk, StagingRecord
from importer.parse.reader import Reader
from importer.records import Counts, Outcome, Position, Rejection
from importer.work.aside import SourceRecords
from importer.work.control import Control
from importer.work.pipeline import Stages, commit_lazily, prepare_transaction, tell_committed
from importer.write.gathered import Gathered
from importer.write.writer import Writer


@dataclass(slots=True)
class _Chunk:
    """A chunk that is written, and how far it is.

    first  line of the next record
    last   line of the last one; None if no record of the chunk was gathered
    """

    lease: Lease
    gathered: Gathered
    records: SourceRecords
    first: int
    last: int | None

    @property
    def is_done(self) -> bool:
        return self.last is None or self.first > self.last

    @property
    def position(self) -> Position:
        """Where the chunk is, as far as that can be told: lines are not bytes."""
        chunk = self.lease.chunk
        if self.is_done or self.last is None:
            return Position(chunk.end_offset, max(self.first, chunk.committed_line))
        part = (self.first - chunk.first_line) / (self.last + 1 - chunk.first_line)
        return Position(chunk.start_offset + int((chunk.end_offset - chunk.start_offset) * part), self.first)


def pour_chunk(stages: Stages, lease: Lease, reader: Reader, control: Control) -> None:
    """Write a chunk's gathered records to the end, or until asked to stop. Raises LeaseLost and database errors."""
    chunk = _begun(stages, lease, reader)
    while True:
        must_stop = _commit(stages, chunk, control)
        control.after_batch(stages.size.records)
        if chunk.is_done:
            return
        if must_stop or control.stopping:
            control.stop()
            ledger.release(lease)
            return


def _begun(stages: Stages, lease: Lease, reader: Reader) -> _Chunk:
    chunk = lease.chunk
    following = ImportChunk.objects.filter(job=stages.job, number__gt=chunk.number).order_by("number").first()
    gathered = Gathered(stages.job.gathered_table, stages.mapping)
    first = chunk.committed_line
    with connections[stages.mapping.alias].cursor() as cursor:
        last = gathered.last_line(cursor, first, following.first_line if following else None)
    return _Chunk(lease, gathered, SourceRecords(stages.job, chunk, reader), first, last)


def _commit(stages: Stages, chunk: _Chunk, control: Control) -> bool:
    """Write one batch in one transaction. True: the job has been asked to stop."""
    began, before = time.monotonic(), chunk.first
    with transaction.atomic(using=stages.mapping.alias):
        ledger.fence(chunk.lease)
        prepare_transaction(stages.mapping.alias, durable=True)
        outcome = Outcome(Counts(), []) if chunk.last is None else _write(stages, chunk, chunk.last)
        if not chunk.is_done:
            commit_lazily(stages.mapping.alias)
        ledger.set_aside(
            stages.job.pk, chunk.lease.chunk.pk, outcome.rejections, state=StagingRecord.State.REJECTED
        )
        must_stop = ledger.advance(
            chunk.lease, chunk.position, outcome.counts, done=chunk.is_done, gathered=-outcome.counts.read
        )
    seconds = time.monotonic() - began
    if chunk.first > before:
        tell_committed(
            stages,
            chunk.lease,
            outcome,
            control,
            line=chunk.first,
            seconds=seconds,
            records=outcome.counts.read,
        )
    return must_stop


def _write(stages: Stages, chunk: _Chunk, last: int) -> Outcome:
    """Write the next records of a chunk, and move it behind them."""
    writer = stages.writer
    assert isinstance(writer, Writer)
    with connections[stages.mapping.alias].cursor() as cursor:
        line, records = chunk.gathered.part(cursor, chunk.first, last, stages.size.records)
    if writer.poured(chunk.gathered.source(chunk.first, line), records):
        chunk.first = line + 1
        return Outcome(Counts(read=records, inserted=records), [])
    rows, lines = chunk.gathered.rows(chunk.first, line)
    written = writer.compared(rows, are_independent=True)
    chunk.first = lines[-1] + 1
    errors = {lines[number]: tuple(reasons) for number, reasons in written.errors.items()}
    rejections = [
        Rejection(record.line, record.raw, errors[record.line]) for record in chunk.records.of(errors)
    ]
    counts = written.counts() + Counts(read=len(rejections), rejected=len(rejections))
    return Outcome(counts, rejections, searched=written.searched)
