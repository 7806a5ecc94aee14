"""Writes records that were set aside: repeated keys at the end of a run, rejected ones in a replay.

They go through the same pipeline as records of the source. Their staging rows change in the transaction that writes
them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import polars as pl
from django.db import transaction

from importer.batches import Batch
from importer.conf import conf
from importer.ledger.figures import add_to_settlement, refresh_job_figures
from importer.ledger.pages import within_bytes
from importer.ledger.staging import update_set_aside
from importer.models import DataImportJob, StagingRecord
from importer.records import RAW, Counts, Position, Replayed
from importer.specs.mapping import Mapping
from importer.work.control import Control
from importer.work.pipeline import Stages, prepare_transaction, write_batch


def settle_contested(job: DataImportJob, mapping: Mapping, control: Control) -> None:
    """Write the contested records in the order of the source."""
    stages = None
    for records in _in_batches(job, [StagingRecord.State.CONTESTED]):
        stages = stages or Stages.of(job, mapping, ignore_survey=True)
        _write_stored(stages, records)
        control.after_batch(len(records))
        if control.stopping:
            return


def replay(stages: Stages, control: Control, *, states: Sequence[str]) -> Replayed:
    """Write rejected records again; those that pass are marked as replayed.

    Returns the counts of the records that were tried.
    """
    total, left = Counts(), 0
    for records in _in_batches(stages.job, states):
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


def _in_batches(job: DataImportJob, states: Sequence[str]) -> Iterator[list[StagingRecord]]:
    line = -1
    while True:
        waiting = StagingRecord.objects.filter(job=job, state__in=states, line__gt=line).order_by("line")
        number = len(within_bytes(waiting[: conf.BATCH_SIZE_INITIAL], "raw", conf.BATCH_MAX_BYTES))
        records = list(waiting[:number])
        if not records:
            return
        yield records
        line = records[-1].line


def _write_stored(stages: Stages, records: list[StagingRecord]) -> Counts:
    if not records:
        return Counts()
    cleaned = stages.validator.validate(_as_batch(records, stages.job.columns or []))
    was_rejected = sum(record.state != StagingRecord.State.CONTESTED for record in records)
    with transaction.atomic(using=stages.mapping.alias):
        prepare_transaction(stages.mapping.alias, durable=True)
        outcome = write_batch(stages, cleaned)
        update_set_aside(records, outcome.rejections)
        add_to_settlement(stages.job, outcome.counts, was_rejected=was_rejected)
        if was_rejected:
            refresh_job_figures(stages.job)
    return outcome.counts


def _as_batch(records: list[StagingRecord], columns: list[str]) -> Batch:
    names = dict.fromkeys([*columns, *(name for record in records for name in record.raw)])
    texts = pl.DataFrame(
        {name: [record.raw.get(name) for record in records] for name in names},
        schema=dict.fromkeys(names, pl.String()),
    )
    lines = pl.Series([record.line for record in records], dtype=pl.Int64)
    return Batch(texts, lines, Position(0, records[0].line), Position(0, records[-1].line + 1))
