"""Adds up the fates of a job's records from its chunks."""

from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.models import F, Q, Sum

from importer.models import SETTLEMENT, DataImportJob, ImportChunk, ledger_alias
from importer.records import FATES, Counts

# Additions to a chunk's counters, for an UPDATE: `read = read + %(read)s, …`
ADDITIONS = ", ".join(f"{name} = {name} + %({name})s" for name in FATES)


@dataclass(frozen=True, slots=True)
class Figures:
    """A job's figures.

    counts   fates of its records
    batches  batches that all runs have committed
    part     how much of the source is done, from 0 to 1
    """

    counts: Counts = field(default_factory=Counts)
    batches: int = 0
    part: float = 0.0
    has_open_chunks: bool = True
    is_asked_to_stop: bool = False

    @classmethod
    def of(cls, job: DataImportJob) -> "Figures":
        """Read the figures from the ledger, in one query."""
        sums = _sums(
            job,
            size=Sum(F("end_offset") - F("start_offset")),
            done=Sum(F("committed_offset") - F("start_offset")),
            open=Sum(1, filter=~Q(state=ImportChunk.State.DONE)),
            stop=Sum(1, filter=Q(job__stop_requested=True)),
        )
        return cls(
            counts=Counts(*(sums[f"{name}_sum"] for name in FATES)),
            batches=sums["batches_sum"],
            part=(sums["done"] or 0) / sums["size"] if sums["size"] else 1.0,
            has_open_chunks=bool(sums["open"]),
            is_asked_to_stop=bool(sums["stop"]),
        )


def _sums(job: DataImportJob, **more: Any) -> dict[str, Any]:
    sums = ImportChunk.objects.filter(job=job).aggregate(
        **{f"{name}_sum": Sum(name) for name in (*FATES, "batches")}, **more
    )
    return {name: value or 0 if name.endswith("_sum") else value for name, value in sums.items()}


def values_of(counts: Counts) -> dict[str, int]:
    """Return the parameters of ADDITIONS."""
    return {name: getattr(counts, name) for name in FATES}


def add_to_settlement(job: DataImportJob, counts: Counts, *, was_rejected: int) -> None:
    """Add counts to the settlement chunk, less the fates that replayed records had before (`was_rejected`)."""
    values = values_of(counts)
    values["read"] -= was_rejected
    values["rejected"] -= was_rejected
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            f"UPDATE {ImportChunk._meta.db_table} SET {ADDITIONS}, batches = batches + 1 "  # noqa: S608
            f"WHERE job_id = %(job)s AND number = {SETTLEMENT}",
            values | {"job": job.pk},
        )


def refresh_job_figures(job: DataImportJob) -> None:
    """Copy the ledger's figures to the job. Call it in the same transaction, so that a kill cannot separate them."""
    figures = {name.removesuffix("_sum"): value for name, value in _sums(job).items()}
    current = DataImportJob.objects.select_for_update().get(pk=job.pk)
    result = None if current.result is None else current.result | figures
    DataImportJob.objects.filter(pk=job.pk).update(**figures, result=result)
