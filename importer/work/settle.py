"""Writes records that were set aside: repeated keys at the end of a run, rejected ones in a replay.

They go through the same pipeline as records of the source. Their staging rows change in the transaction that writes
them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import polars as pl
from django.db import transaction
from django.db.models import Q, QuerySet

from importer.batches import Batch
from importer.conf import conf
from importer.ledger.figures import add_to_settlement, refresh_job_figures
from importer.ledger.pages import within_bytes
from importer.ledger.staging import update_set_aside
from importer.models import DataImportJob, StagingRecord
from importer.order.descent import Descent
from importer.order.stretches import brought_keys
from importer.records import RAW, Counts, Position, Replayed
from importer.specs.mapping import Mapping
from importer.validate.validate import Validator
from importer.work.control import Control
from importer.work.pipeline import Stages, prepare_transaction, write_batch


def settle_contested(job: DataImportJob, mapping: Mapping, control: Control) -> None:
    """Write the contested records in the order of the source, then those that waited for one of their table."""
    waiting = StagingRecord.objects.filter(job=job, state=StagingRecord.State.CONTESTED)
    _settle(job, mapping, control, in_batches(waiting.filter(errors=[])))
    if mapping.own_lookups and not control.stopping:
        _settle(job, mapping, control, _by_descent(waiting, mapping, job.columns or []), orphans_wait=False)


def _settle(
    job: DataImportJob,
    mapping: Mapping,
    control: Control,
    batches: Iterator[list[StagingRecord]],
    *,
    orphans_wait: bool = True,
) -> None:
    stages = None
    for records in batches:
        stages = stages or Stages.of(job, mapping, ignore_survey=True, orphans_wait=orphans_wait)
        _write_stored(stages, records)
        control.after_batch(len(records))
        if control.stopping:
            return


def _by_descent(
    waiting: QuerySet[StagingRecord], mapping: Mapping, columns: list[str]
) -> Iterator[list[StagingRecord]]:
    """Yield batches of the records that wait, each record after those to which it refers."""
    descent, lines = Descent(), []
    validator = Validator.of(mapping)
    for records in in_batches(waiting):
        lines += [record.line for record in records]
        values = validator.validate(as_batch(records, columns)).values
        looked_up = [values.select(part.target for part in plan.parts).rows() for plan in mapping.own_lookups]
        brought = [brought_keys(values, mapping, plan) for plan in mapping.own_lookups]
        for number in range(len(records)):
            descent.add(
                ((plan, keys[number]) for plan, keys in enumerate(brought) if keys),
                ((plan, keys[number]) for plan, keys in enumerate(looked_up)),
            )
    ordered = [lines[place] for place in descent.order()]
    for start in range(0, len(ordered), conf.BATCH_SIZE_INITIAL):
        wanted = ordered[start : start + conf.BATCH_SIZE_INITIAL]
        found = {record.line: record for record in waiting.filter(line__in=wanted)}
        yield [found[line] for line in wanted if line in found]


def replay(
    stages: Stages, control: Control, *, states: Sequence[str], only: Q | None = None, size: int | None = None
) -> Replayed:
    """Write rejected records again; those that pass are marked as replayed.

    only  which of the records
    size  records in one transaction; default: the first batch size of a run

    Returns the counts of the records that were tried.
    """
    total, left = Counts(), 0
    rejected = StagingRecord.objects.filter(only or Q(), job=stages.job, state__in=states)
    by_family = bool(stages.mapping.own_lookups)
    columns = stages.job.columns or []
    for records in (
        _by_descent(rejected, stages.mapping, columns) if by_family else in_batches(rejected, size)
    ):
        whole = [record for record in records if RAW not in record.raw and not _lost_to_another(record)]
        total += _write_stored(stages, whole)
        left += len(records) - len(whole)
        control.after_batch(len(records))
        if control.stopping:
            break
    return Replayed(**asdict(total), left=left, stopped=control.stopping)


def _lost_to_another(record: StagingRecord) -> bool:
    """Whether another record with its key counts; as it is, it would be written over that one."""
    is_fixed = record.state == StagingRecord.State.FIXED
    return not is_fixed and any(error["code"] == "duplicate_key" for error in record.errors)


def in_batches(some: QuerySet[StagingRecord], size: int | None = None) -> Iterator[list[StagingRecord]]:
    """Yield stored records in the order of the source, as many at a time as fit into memory."""
    line, size = -1, size or conf.BATCH_SIZE_INITIAL
    while True:
        waiting = some.filter(line__gt=line).order_by("line")
        number = len(within_bytes(waiting[:size], "raw", conf.BATCH_MAX_BYTES))
        records = list(waiting[:number])
        if not records:
            return
        yield records
        line = records[-1].line


def _write_stored(stages: Stages, records: list[StagingRecord]) -> Counts:
    if not records:
        return Counts()
    cleaned = stages.validator.validate(as_batch(records, stages.job.columns or []))
    was_rejected = sum(record.state != StagingRecord.State.CONTESTED for record in records)
    with transaction.atomic(using=stages.mapping.alias):
        prepare_transaction(stages.mapping.alias, durable=True)
        outcome = write_batch(stages, cleaned)
        update_set_aside(records, outcome.rejections, {record.line for record in outcome.contested})
        add_to_settlement(stages.job, outcome.counts, was_rejected=was_rejected)
        if was_rejected:
            refresh_job_figures(stages.job)
    return outcome.counts


def as_batch(records: list[StagingRecord], columns: list[str]) -> Batch:
    """Return stored records as a batch of the source."""
    names = dict.fromkeys([*columns, *(name for record in records for name in record.raw)])
    texts = pl.DataFrame(
        {name: [record.raw.get(name) for record in records] for name in names},
        schema=dict.fromkeys(names, pl.String()),
    )
    lines = pl.Series([record.line for record in records], dtype=pl.Int64)
    return Batch(texts, lines, Position(0, records[0].line), Position(0, records[-1].line + 1))
