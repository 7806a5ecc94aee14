"""Adds up what became of a job's records, from its chunks."""

from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.models import F, Q, Sum

from importer.models import SETTLEMENT, DataImportJob, ImportChunk, ledger_alias
from importer.records import FATES, Counts

# To the counters of a chunk, by an UPDATE: `read = read + %(read)s, …`
ADDITIONS = ", ".join(f"{name} = {name} + %({name})s" for name in FATES)


@dataclass(frozen=True, slots=True)
class Figures:
    """`part` is how much of the source is done, from 0 to 1; `batches` counts those of all runs of the job."""

    counts: Counts = field(default_factory=Counts)
    batches: int = 0
    part: float = 0.0
    has_open_chunks: bool = True
    is_asked_to_stop: bool = False

    @classmethod
    def of(cls, job: DataImportJob) -> "Figures":
        """As the ledger has them now, by one query."""
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
    """The parameters of ADDITIONS."""
    return {name: getattr(counts, name) for name in FATES}


def add_to_settlement(job: DataImportJob, counts: Counts, *, was_rejected: int) -> None:
    """Counts go to the settlement chunk. A replayed record had a fate already, which it now changes."""
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
    """The job's figures follow the ledger in the same transaction, so that a kill cannot leave them behind."""
    figures = {name.removesuffix("_sum"): value for name, value in _sums(job).items()}
    current = DataImportJob.objects.select_for_update().get(pk=job.pk)
    result = None if current.result is None else current.result | figures
    DataImportJob.objects.filter(pk=job.pk).update(**figures, result=result)
