"""Says what a job is going to take and give, from a sample that is written and rolled back."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from importer import ledger
from importer.exceptions import ImporterError, TargetRefused, any_fault, reason_of
from importer.fresh.refusals import refuse_unfit
from importer.fresh.tables import Tables
from importer.gather.fitness import one_worker, why_not_gathered
from importer.ledger import JobHold
from importer.models import SETTLEMENT, DataImportJob, ImportChunk, StagingRecord, ledger_alias
from importer.order.hidden import why_order_matters
from importer.parse.open import open_reader
from importer.parse.reader import Reader, chunk_position, chunk_range
from importer.records import Counts
from importer.rejects.report import Family, make_report
from importer.run.carry import usual_workers
from importer.run.plan import plan
from importer.specs.mapping import Mapping
from importer.work.pipeline import Stages, prepare_transaction, write_batch

# The sample: so many records, from so many places of the source.
RECORDS = 20_000
PLACES = 10
# With more rejected records than this, their reasons should be looked at first.
MANY_REJECTED = 0.02


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast for the rest of a job, from a sample.

    records       how many are left; `is_exact`: they were counted, not estimated from bytes
    sampled       fates of the sample
    seconds       with one worker, the planning included
    workers       how many the run would have by default
    disk_bytes    what the table and its indexes grow by
    wal_bytes     of the write-ahead log
    rejected      of all records
    families      of the sample's rejected records, the most frequent first
    advice        what would make it faster, or is to be looked at first
    """

    job: int
    records: int
    is_exact: bool
    sampled: Counts
    seconds: float
    rate: float
    workers: int
    disk_bytes: int
    wal_bytes: int
    rejected: int
    families: list[Family]
    advice: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def forecast(job: DataImportJob) -> Forecast:
    """Plan the job, write a sample of its records, and roll both back.

    Raises ImporterError: what `plan` raises, JobAlreadyRunning, any fault in one line, or that nothing is left to do.
    """
    if job.status == DataImportJob.Status.COMPLETED:
        raise ImporterError(f"Job {job.pk} is completed; nothing is left to forecast.")
    hold = JobHold(job.pk)
    hold.take()
    try:
        with transaction.atomic(using=ledger_alias()):
            found = _forecast(job)
            transaction.set_rollback(True, using=ledger_alias())
    except any_fault() as error:
        if isinstance(error, ImporterError):
            raise
        raise ImporterError(reason_of(error)) from error
    finally:
        hold.release()
    return found


def _forecast(job: DataImportJob) -> Forecast:
    began = time.monotonic()
    mapping = plan(job)
    planning = time.monotonic() - began
    is_fit_for_fresh = _is_fit_for_fresh(job, mapping)
    chunks = list(ImportChunk.objects.filter(job=job, number__gt=SETTLEMENT).exclude(state="done"))
    sample = _Sample(job, mapping)
    sample.take(_spread(chunks))
    if not sample.counts.read:
        raise ImporterError(f"Job {job.pk} has no records left to import.")
    left = sum(chunk.end_offset - chunk.committed_offset for chunk in chunks)
    records = max(sample.counts.read, round(sample.counts.read * left / sample.size))
    times = records / sample.counts.read
    seconds = planning + sample.first_seconds + sample.seconds_per_record * (records - sample.first_records)
    rejected = round(sample.counts.rejected * times)
    workers = usual_workers("", len(chunks))
    return Forecast(
        job=job.pk,
        records=records,
        is_exact=sample.size == left or job.format in ("parquet", "table"),
        sampled=sample.counts,
        seconds=round(seconds, 1),
        rate=round(records / seconds),
        workers=workers,
        disk_bytes=round(sample.disk * times),
        wal_bytes=round(sample.wal * times),
        rejected=rejected,
        families=make_report(job).families,
        advice=[
            *_advice(mapping, workers, rejected / records),
            *(["the table is empty: --fresh loads it faster"] if is_fit_for_fresh else []),
        ],
    )


def _spread(chunks: list[ImportChunk]) -> list[ImportChunk]:
    """Choose chunks from the whole source, the first and the last among them."""
    if len(chunks) <= PLACES:
        return chunks
    step = (len(chunks) - 1) / (PLACES - 1)
    return [chunks[round(number * step)] for number in range(PLACES)]


class _Sample:
    """Records of several places of the source, written to the table.

    size                     what they take of the source, in its own units: bytes, or records
    first_seconds, _records  the first batch, which loads parents and compiles queries; the others tell the rate
    """

    def __init__(self, job: DataImportJob, mapping: Mapping) -> None:
        self.job, self.mapping = job, mapping
        self.counts = Counts()
        self.size = self.disk = self.wal = 0
        self.first_seconds = self.other_seconds = 0.0
        self.first_records = 0

    @property
    def seconds_per_record(self) -> float:
        others = self.counts.read - self.first_records
        return self.other_seconds / others if others else self.first_seconds / self.first_records

    def take(self, chunks: list[ImportChunk]) -> None:
        reader = open_reader(self.job)
        try:
            with connections[self.mapping.alias].cursor() as cursor:
                prepare_transaction(self.mapping.alias, durable=False)
                wal, disk = _written(cursor), _size_of(cursor, self.mapping)
                for seconds, counts, size in self._batches(chunks, reader):
                    if not self.counts.read:
                        self.first_seconds, self.first_records = seconds, counts.read
                    else:
                        self.other_seconds += seconds
                    self.counts += counts
                    self.size += size
                self.wal, self.disk = _written(cursor) - wal, _size_of(cursor, self.mapping) - disk
        finally:
            reader.close()

    def _batches(self, chunks: list[ImportChunk], reader: Reader) -> Iterator[tuple[float, Counts, int]]:
        stages = Stages.of(self.job, self.mapping, ignore_survey=True)
        limit = max(1, RECORDS // max(1, 2 * len(chunks)))
        for chunk in chunks:
            position, part = chunk_position(chunk), chunk_range(chunk)
            for _ in range(2):
                if position.offset >= part.end_offset:
                    break
                began = time.monotonic()
                batch = reader.read(position, part, limit=limit)
                outcome = write_batch(stages, stages.validator.validate(batch))
                ledger.set_aside(
                    self.job.pk, chunk.pk, outcome.rejections, state=StagingRecord.State.REJECTED
                )
                yield time.monotonic() - began, outcome.counts, batch.end.offset - position.offset
                position = batch.end


def _written(cursor: CursorWrapper) -> int:
    """Return the position of the write-ahead log, in bytes. Others who write beside us count as well."""
    cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
    return int(cursor.fetchone()[0])


def _size_of(cursor: CursorWrapper, mapping: Mapping) -> int:
    quote = connections[mapping.alias].ops.quote_name
    tables = [quote(table._meta.db_table) for table in mapping.tables]
    cursor.execute(
        "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name", [tables]
    )
    return int(cursor.fetchone()[0])


def _is_fit_for_fresh(job: DataImportJob, mapping: Mapping) -> bool:
    try:
        refuse_unfit(job, mapping, Tables.of(job, mapping))
    except TargetRefused:
        return False
    return True


def _advice(mapping: Mapping, workers: int, rejected: float) -> Iterator[str]:
    spec = mapping.spec.options.name
    if rejected > MANY_REJECTED:
        yield f"{rejected:.1%} of the sample are rejected: look at the reasons before you run it"
    if mapping.row_lane:
        yield f"{mapping.row_lane}, so records go through Python one by one (`explain_import {spec}`)"
    reason = why_order_matters(mapping) if workers > 1 else ""
    if reason and (obstacle := why_not_gathered(mapping)):
        yield one_worker(reason, obstacle)
