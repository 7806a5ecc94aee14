"""The way of a record, from the source to the ledger.

    source → plan → parse → transform, validate → resolve → write → ledger

`plan` has cut the source into chunks; here a worker carries one chunk to its end, batch by batch. All that a batch
does to the database happens in one transaction, fenced by the worker's lease.
"""

import time
from dataclasses import dataclass, field

from django.db import connections, transaction

from importer import ledger
from importer.ledger.leases import Lease
from importer.models import DataImportJob, StagingRecord
from importer.order.stretches import stretches
from importer.order.survey import Contested
from importer.parse.reader import Reader, chunk_position, chunk_range
from importer.records import RAW, Batch, Counts, Rejection, escaped
from importer.signals import batch_committed
from importer.specs.mapping import Mapping
from importer.validate.resolve import Resolver
from importer.validate.row_lane import clean_rows
from importer.validate.validate import Judged, validate
from importer.work.batch_size import BatchSize
from importer.work.control import Control
from importer.write.sample import Sample
from importer.write.writer import Writer, Written


@dataclass(slots=True)
class Stages:
    """What a worker keeps from batch to batch."""

    job: DataImportJob
    mapping: Mapping
    resolver: Resolver
    writer: Writer
    contested: Contested
    size: BatchSize = field(default_factory=BatchSize)

    @classmethod
    def of(
        cls, job: DataImportJob, mapping: Mapping, *, sample: Sample | None = None, settling: bool = False
    ) -> "Stages":
        """`settling`: contested records are not set aside, for their turn has come."""
        contested = Contested.none() if settling else Contested.of(job, mapping)
        return cls(job, mapping, Resolver(mapping), Writer(mapping, sample), contested)


@dataclass(slots=True)
class Outcome:
    counts: Counts
    rejections: list[Rejection]
    contested: list[Rejection] = field(default_factory=list)
    searched: int = 0


def run_chunk(stages: Stages, lease: Lease, reader: Reader, control: Control) -> None:
    """Carry a chunk to its end. Raises LeaseLost, Stopped, and what the database raises."""
    part, position = chunk_range(lease.chunk), chunk_position(lease.chunk)
    while True:
        batch = reader.read(position, part, limit=stages.size.records)
        judged = validate(batch, stages.mapping)
        done = batch.end.offset >= part.end_offset
        shall_stop = commit(stages, lease, judged, control, done=done)
        control.after_batch(stages.size.records)
        if done:
            return
        if shall_stop or control.stopping:
            control.stop()
            ledger.release(lease)
            return
        position = batch.end


def commit(stages: Stages, lease: Lease, judged: Judged, control: Control, *, done: bool) -> bool:
    """One batch, one transaction. True: the job has been asked to stop."""
    began = time.monotonic()
    batch = judged.batch
    with transaction.atomic(using=stages.mapping.alias):
        ledger.fence(lease)
        prepare_transaction(stages.mapping.alias, durable=done)
        outcome = treat(stages, judged)
        ledger.set_aside(
            stages.job.pk, lease.chunk.pk, outcome.rejections, state=StagingRecord.State.REJECTED
        )
        ledger.set_aside(
            stages.job.pk, lease.chunk.pk, outcome.contested, state=StagingRecord.State.CONTESTED
        )
        shall_stop = ledger.advance(lease, batch.end, outcome.counts, done=done)
    seconds = time.monotonic() - began
    _learn(
        stages, lease, outcome, seconds=seconds, records=batch.size, memory_is_short=control.memory_is_short
    )
    batch_committed.send(
        sender=stages.mapping.spec,
        job=stages.job,
        chunk_id=lease.chunk.pk,
        line=batch.end.line,
        counts=outcome.counts,
        seconds=seconds,
    )
    return shall_stop


def treat(stages: Stages, judged: Judged) -> Outcome:
    """Resolve and write what was found valid; every record of the batch gets its fate."""
    set_aside = stages.contested.set_aside(judged)
    counts, searched = Counts(), 0
    for start, end in stretches(judged, stages.mapping):
        part = judged.part(start, end)
        written = _write(stages, part)
        judged.take_back(part, start)
        counts += written.counts(rejected=0)
        searched += written.searched
    contested = [_rejection(stages.job, judged.batch, number) for number in set_aside]
    for number in set_aside:
        del judged.errors[number]
    rejections = [
        *judged.batch.rejections,
        *(_rejection(stages.job, judged.batch, n, judged) for n in sorted(judged.errors)),
    ]
    counts += Counts(read=len(rejections), rejected=len(rejections))
    return Outcome(counts, rejections, contested, searched=searched)


def _write(stages: Stages, judged: Judged) -> Written:
    judged = clean_rows(stages.resolver.resolve(judged), stages.mapping)
    written = stages.writer.write(judged)
    for number, errors in written.errors.items():
        judged.reject(number, *errors)
    return written


def prepare_transaction(alias: str, *, durable: bool) -> None:
    with connections[alias].cursor() as cursor:
        # Keys that are only checked at COMMIT would be found too late to say which record they belong to.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if not durable:
            # Records and cursor are lost together or not at all, so a crash of the server costs time and no truth.
            cursor.execute("SET LOCAL synchronous_commit = off")


def _rejection(job: DataImportJob, batch: Batch, number: int, judged: Judged | None = None) -> Rejection:
    raw = batch.texts.row(number, named=True)
    if len(raw) > len(columns := job.columns or []):
        # Keys of other records of the batch, which this one does not have.
        known = frozenset(columns)
        raw = {name: text for name, text in raw.items() if text is not None or name in known}
    stored = {name: None if text is None else escaped(text) for name, text in raw.items()}
    if stored != raw:
        # What had to be escaped is not what the source says: marked, so that it is never replayed as if it were.
        stored |= {RAW: "escaped"}
    errors = judged.errors[number] if judged else []
    return Rejection(int(batch.lines[number]), stored, tuple(errors))


def _learn(
    stages: Stages, lease: Lease, outcome: Outcome, *, seconds: float, records: int, memory_is_short: bool
) -> None:
    before = stages.size.records
    refused_part = outcome.searched / records if records else 0.0
    reason = stages.size.learn(seconds=seconds, refused_part=refused_part, memory_is_short=memory_is_short)
    if reason:
        ledger.log(
            stages.job,
            "batch_size",
            reason,
            chunk_id=lease.chunk.pk,
            before=before,
            after=stages.size.records,
        )
