"""Adds up a job's counts from its chunks."""

from django.db import connections
from django.db.models import Sum

from importer.models import SETTLEMENT, DataImportJob, ImportChunk, ledger_alias
from importer.records import FATES, Counts


def add_to_settlement(job: DataImportJob, counts: Counts, *, was_rejected: int) -> None:
    """Counts go to the settlement chunk. A replayed record had a fate already, which it now changes."""
    values = {name: getattr(counts, name) for name in FATES}
    values["read"] -= was_rejected
    values["rejected"] -= was_rejected
    additions = ", ".join(f"{name} = {name} + %({name})s" for name in FATES)
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            f"UPDATE {ImportChunk._meta.db_table} SET {additions}, batches = batches + 1 "  # noqa: S608
            f"WHERE job_id = %(job)s AND number = {SETTLEMENT}",
            values | {"job": job.pk},
        )


def refresh_job_figures(job: DataImportJob) -> None:
    """The job's figures follow the ledger in the same transaction, so that a kill cannot leave them behind."""
    sums = ImportChunk.objects.filter(job=job).aggregate(
        **{f"{name}_sum": Sum(name) for name in (*FATES, "batches")}
    )
    figures = {name: sums[f"{name}_sum"] for name in (*FATES, "batches")}
    current = DataImportJob.objects.select_for_update().get(pk=job.pk)
    result = None if current.result is None else current.result | figures
    DataImportJob.objects.filter(pk=job.pk).update(**figures, result=result)
