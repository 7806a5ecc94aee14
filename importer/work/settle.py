"""Records that were set aside before: contested ones at the end of a run, rejected ones when they are replayed.

They go through the same pipeline as records of the source, and their staging rows change in the transaction that
writes them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import polars as pl
from django.db import connections, transaction
from django.db.models import Sum
from django.utils import timezone

from importer import ledger
from importer.conf import conf
from importer.ledger.pages import within_bytes
from importer.models import DataImportJob, ImportChunk, StagingRecord
from importer.records import RAW, Batch, Position
from importer.run.plan import SETTLEMENT
from importer.run.results import FATES, Counts, Replayed
from importer.validate.validate import validate
from importer.work.control import Control
from importer.work.pipeline import Outcome, Stages, prepare_transaction, treat

State = StagingRecord.State


def settle_contested(stages: Stages, control: Control) -> None:
    """Write the contested records one after the other, in the order of the source."""
    for records in _in_batches(stages.job, [State.CONTESTED]):
        _settle(stages, records)
        control.after_batch(len(records))
        if control.stopping:
            return


def replay(stages: Stages, control: Control, *, states: Sequence[str]) -> Replayed:
    """Put rejected records through again: those that pass are written and marked as replayed.

    The counts of the records replayed; `read` is how many were tried.
    """
    total, left = Counts(), 0
    for records in _in_batches(stages.job, states):
        whole = [record for record in records if RAW not in record.raw]
        total += _settle(stages, whole)
        left += len(records) - len(whole)
        control.after_batch(len(records))
        if control.stopping:
            break
    return Replayed(**asdict(total), left=left, stopped=control.stopping)


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


def _settle(stages: Stages, records: list[StagingRecord]) -> Counts:
    if not records:
        return Counts()
    judged = validate(_as_batch(records, stages.job.columns or []), stages.mapping)
    was_rejected = sum(record.state != State.CONTESTED for record in records)
    with transaction.atomic(using=stages.mapping.alias):
        prepare_transaction(stages.mapping.alias, durable=True)
        outcome = treat(stages, judged)
        _update_records(records, outcome)
        _add_counts(stages.job, outcome.counts, was_rejected=was_rejected)
        if was_rejected:
            _keep_figures_true(stages.job)
    return outcome.counts


def _as_batch(records: list[StagingRecord], columns: list[str]) -> Batch:
    names = dict.fromkeys([*columns, *(name for record in records for name in record.raw)])
    texts = pl.DataFrame(
        {name: [record.raw.get(name) for record in records] for name in names},
        schema=dict.fromkeys(names, pl.String()),
    )
    lines = pl.Series([record.line for record in records], dtype=pl.Int64)
    return Batch(texts, lines, Position(0, records[0].line), Position(0, records[-1].line + 1))


def _update_records(records: list[StagingRecord], outcome: Outcome) -> None:
    """A contested record that was written is gone; a replayed one stays, as part of the history."""
    now = timezone.now()
    rejected = {rejection.line: rejection for rejection in outcome.rejections}
    changed, gone = [], []
    for record in records:
        rejection = rejected.get(record.line)
        if rejection is None and record.state == State.CONTESTED:
            gone.append(record.pk)
            continue
        record.state = State.REPLAYED if rejection is None else State.REJECTED
        record.errors = [] if rejection is None else [error.as_dict() for error in rejection.errors]
        record.updated_at = now
        changed.append(record)
    StagingRecord.objects.filter(pk__in=gone).delete()
    StagingRecord.objects.bulk_update(changed, ["state", "errors", "updated_at"], batch_size=500)


def _add_counts(job: DataImportJob, counts: Counts, *, was_rejected: int) -> None:
    """Counts go to the settlement chunk. A replayed record had a fate already, which it now changes."""
    values = {name: getattr(counts, name) for name in FATES}
    values["read"] -= was_rejected
    values["rejected"] -= was_rejected
    additions = ", ".join(f"{name} = {name} + %({name})s" for name in FATES)
    with connections[ledger.ledger_alias()].cursor() as cursor:
        cursor.execute(
            f"UPDATE {ImportChunk._meta.db_table} SET {additions}, batches = batches + 1 "  # noqa: S608
            f"WHERE job_id = %(job)s AND number = {SETTLEMENT}",
            values | {"job": job.pk},
        )


def _keep_figures_true(job: DataImportJob) -> None:
    """The job's figures follow the ledger in the same transaction, so that a kill cannot leave them behind."""
    sums = ImportChunk.objects.filter(job=job).aggregate(
        **{f"{name}_sum": Sum(name) for name in (*FATES, "batches")}
    )
    figures = {name: sums[f"{name}_sum"] for name in (*FATES, "batches")}
    current = DataImportJob.objects.select_for_update().get(pk=job.pk)
    result = None if current.result is None else current.result | figures
    DataImportJob.objects.filter(pk=job.pk).update(**figures, result=result)
