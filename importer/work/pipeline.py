"""Carries a chunk of the source to its end, batch by batch.

    source → plan → parse → validate → survey → resolve → row lane → write → ledger

`plan` has cut the source into chunks. A batch changes the database in one transaction, fenced by the worker's lease.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connections, transaction

from importer import ledger
from importer.batches import Batch, Cleaned
from importer.ledger import Lease
from importer.models import DataImportJob, LogEvent, StagingRecord
from importer.order.decided import Decided
from importer.order.repeats import Repeats
from importer.order.stretches import stretches
from importer.order.survey import Survey
from importer.parse.reader import Reader, chunk_position, chunk_range
from importer.records import RAW, Counts, Outcome, RecordError, Rejection, escaped
from importer.signals import batch_committed
from importer.specs.mapping import Mapping
from importer.validate.relations.resolve import Resolver
from importer.validate.row_lane import RowLane
from importer.validate.suspicions import Suspicions
from importer.validate.target import Target
from importer.validate.validate import Validator
from importer.work.batch_size import BatchSize
from importer.work.control import Control
from importer.work.families import Families
from importer.write.bare import BareWriter
from importer.write.journal import Journal
from importer.write.parents import ParentCreator
from importer.write.sample import Sample
from importer.write.writer import Writer
from importer.write.written import Written


@dataclass(slots=True)
class Stages:
    """The stages of one mapping, with their state from batch to batch."""

    job: DataImportJob
    mapping: Mapping
    validator: Validator
    survey: Survey
    resolver: Resolver
    row_lane: RowLane
    writer: Writer | BareWriter
    families: Families | None
    parents: ParentCreator
    decided: Decided
    suspicions: Suspicions
    repeats: Repeats | None = None
    orphans_wait: bool = True
    awaits_survey: bool = False
    size: BatchSize = field(default_factory=BatchSize)

    @classmethod
    def of(
        cls,
        job: DataImportJob,
        mapping: Mapping,
        *,
        sample: Sample | None = None,
        repeats: Repeats | None = None,
        ignore_survey: bool = False,
        orphans_wait: bool = True,
        awaits_survey: bool = False,
    ) -> "Stages":
        """Create the stages on this thread's connection.

        `repeats` collects the keys. `ignore_survey`: write contested records like all others, because they are settled
        or replayed now. `orphans_wait`: set aside records that refer to one of their table which is not there yet.
        `awaits_survey`: the survey may end meanwhile.
        """
        validator = Validator.of(mapping)
        target = Target.of(mapping)
        parents = ParentCreator(mapping, job.pk)
        resolver = Resolver(mapping, create=parents)
        writer = _writer(job, mapping, target, sample)
        return cls(
            job=job,
            mapping=mapping,
            validator=validator,
            survey=Survey.nothing() if ignore_survey else Survey.of(job, mapping, target),
            resolver=resolver,
            row_lane=RowLane(mapping, validator, target, is_blind=job.gather_phase == job.GatherPhase.GATHER),
            writer=writer,
            families=Families.of(mapping, target, resolver, writer),
            parents=parents,
            decided=Decided({}) if ignore_survey else Decided.of(job, mapping),
            suspicions=Suspicions.of(mapping, job.place_of),
            repeats=repeats,
            orphans_wait=orphans_wait,
            awaits_survey=awaits_survey,
        )

    def take_up_survey(self) -> None:
        """Set contested records aside from now on, if the survey has ended meanwhile."""
        self.job.refresh_from_db(fields=["contested"])
        if self.job.survey_state != DataImportJob.SurveyState.NOT_DONE:
            self.survey = Survey.of(self.job, self.mapping, Target.of(self.mapping))
            self.awaits_survey = False

    def forget(self) -> None:
        """Forget the parents that a batch created whose transaction was rolled back."""
        self.parents.created.clear()
        self.resolver.forget()


def _writer(
    job: DataImportJob, mapping: Mapping, target: Target, sample: Sample | None
) -> Writer | BareWriter:
    journal = Journal(job.pk, mapping.alias, keeps_before=job.keeps_before)
    if job.bare_table:
        return BareWriter(mapping, target, job.bare_table, journal=journal)
    if job.gather_phase == job.GatherPhase.GATHER:
        return BareWriter(mapping, target, job.gathered_table, gathers=True)
    return Writer(mapping, target, sample, None if sample is not None else journal)


def run_chunk(stages: Stages, lease: Lease, reader: Reader, control: Control) -> None:
    """Carry a chunk to its end, or until asked to stop. Raises LeaseLost and database errors."""
    part, position = chunk_range(lease.chunk), chunk_position(lease.chunk)
    while True:
        if stages.awaits_survey:
            stages.take_up_survey()
        batch = reader.read(position, part, limit=stages.size.records)
        cleaned = stages.validator.validate(batch)
        if stages.repeats:
            stages.repeats.add(cleaned)
        is_done = batch.end.offset >= part.end_offset
        must_stop = commit(stages, lease, cleaned, control, is_done=is_done)
        control.after_batch(stages.size.records)
        if is_done:
            return
        if must_stop or control.stopping:
            control.stop()
            ledger.release(lease)
            return
        position = batch.end


def commit(stages: Stages, lease: Lease, cleaned: Cleaned, control: Control, *, is_done: bool) -> bool:
    """Write one batch in one transaction. True: the job has been asked to stop."""
    began = time.monotonic()
    job, chunk, batch = stages.job, lease.chunk, cleaned.batch
    with transaction.atomic(using=stages.mapping.alias):
        ledger.fence(lease)
        prepare_transaction(stages.mapping.alias, durable=is_done)
        outcome = write_batch(stages, cleaned)
        ledger.set_aside(job.pk, chunk.pk, outcome.rejections, state=StagingRecord.State.REJECTED)
        ledger.set_aside(job.pk, chunk.pk, outcome.contested, state=StagingRecord.State.CONTESTED)
        suspicious = stages.suspicions.look(cleaned)
        for about, sentence in suspicious.items():
            ledger.note(job, about, sentence)
        must_stop = ledger.advance(lease, batch.end, outcome.counts, done=is_done, gathered=outcome.gathered)
    stages.suspicions.told |= suspicious.keys()
    seconds = time.monotonic() - began
    if batch.long_fields:
        ledger.log_long_fields(job.pk, chunk.pk, batch.long_fields)
    tell_committed(stages, lease, outcome, control, line=batch.end.line, seconds=seconds, records=batch.size)
    return must_stop


def tell_committed(
    stages: Stages,
    lease: Lease,
    outcome: Outcome,
    control: Control,
    *,
    line: int,
    seconds: float,
    records: int,
) -> None:
    """Adapt the batch size to a batch that was committed, and send the signal."""
    _learn(stages, lease, outcome, seconds=seconds, records=records, memory_is_short=control.memory_is_short)
    batch_committed.send(
        sender=stages.mapping.spec,
        job=stages.job,
        chunk_id=lease.chunk.pk,
        line=line,
        counts=outcome.counts,
        seconds=seconds,
    )


def write_batch(stages: Stages, cleaned: Cleaned) -> Outcome:
    """Write the records of a batch that have no errors. Every record gets its fate."""
    cleaned, skipped = stages.decided.part(cleaned)
    free, contested = stages.survey.part(cleaned)
    counts, searched, gathered = Counts(), 0, 0
    errors: dict[int, Sequence[RecordError]] = {}
    for start, rows, written in _written(stages, free):
        counts += written.counts()
        searched += written.searched
        gathered += written.gathered
        refused = rows.rejecting(written.errors).errors
        errors |= {number + start: reasons for number, reasons in refused.items()}
    if created := stages.parents.settle(stages.resolver):
        parents = ", ".join(f"{number:,} {name}" for name, number in created.items())
        ledger.log(stages.job, LogEvent.PARENTS_CREATED, parents, created=created)
    orphans = {
        n: errors.pop(n) for n in sorted(errors) if stages.orphans_wait and _is_orphan(errors[n], stages)
    }
    rejections = [
        *cleaned.batch.rejections,
        *(as_rejection(stages.job, free.batch, number, errors[number]) for number in sorted(errors)),
    ]
    return Outcome(
        counts + Counts(read=len(rejections) + skipped, skipped=skipped, rejected=len(rejections)),
        rejections,
        contested=[
            *(as_rejection(stages.job, cleaned.batch, number) for number in contested),
            *(as_rejection(stages.job, free.batch, number, reasons) for number, reasons in orphans.items()),
        ],
        searched=searched,
        gathered=gathered,
    )


def _is_orphan(errors: Sequence[RecordError], stages: Stages) -> bool:
    """Whether a record is rejected only because it names a record of its table that is not there, or not yet."""
    own = {plan.field.name for plan in stages.mapping.own_lookups}
    return all(error.code == "does_not_exist" and error.field in own for error in errors)


def _written(stages: Stages, free: Cleaned) -> Iterator[tuple[int, Cleaned, Written]]:
    """Write a batch at once, or in stretches. Yield each one's first number, its records and their fates."""
    together = stages.families.write(free) if stages.families else None
    if together:
        yield 0, *together
        return
    for start, end in stretches(free, stages.mapping):
        rows = stages.row_lane.clean(stages.resolver.resolve(free.part(start, end)))
        yield start, rows, stages.writer.write(rows)


def prepare_transaction(alias: str, *, durable: bool) -> None:
    with connections[alias].cursor() as cursor:
        # A deferred constraint would fail at COMMIT, too late to tell which record violates it.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if not durable:
        commit_lazily(alias)


def commit_lazily(alias: str) -> None:
    """Let a server crash undo this transaction: records and cursor are lost together, which costs only time."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def as_rejection(
    job: DataImportJob, batch: Batch, number: int, errors: Sequence[RecordError] = ()
) -> Rejection:
    """Return a record of a batch as it is set aside, with its texts as the source has them."""
    raw = batch.texts.row(number, named=True)
    if len(raw) > len(columns := job.columns or []):
        # Leave out keys that only other records of the batch have.
        planned = frozenset(columns)
        raw = {name: text for name, text in raw.items() if text is not None or name in planned}
    stored = {name: None if text is None else escaped(text) for name, text in raw.items()}
    if stored != raw:
        # Escaped text differs from the source. The mark keeps a replay from importing it.
        stored |= {RAW: "escaped"}
    return Rejection(int(batch.lines[number]), stored, tuple(errors))


def _learn(
    stages: Stages, lease: Lease, outcome: Outcome, *, seconds: float, records: int, memory_is_short: bool
) -> None:
    before = stages.size.records
    refused_part = outcome.searched / records if records else 0.0
    reason = stages.size.learn(seconds=seconds, refused_part=refused_part, memory_is_short=memory_is_short)
    if reason and stages.size.records < before:  # to grow is usual, and a log entry waits for the disk
        ledger.log(
            stages.job,
            LogEvent.BATCH_SIZE,
            reason,
            chunk_id=lease.chunk.pk,
            before=before,
            after=stages.size.records,
        )
