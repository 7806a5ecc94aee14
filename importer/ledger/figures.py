"""Adds up the fates of a job's records from its chunks."""

from dataclasses import dataclass, field

from django.db import connections
from django.db.models import F

from importer.models import SETTLEMENT, DataImportJob, ImportChunk, ledger_alias
from importer.records import FATES, Counts

# Additions to a chunk's counters, for an UPDATE: `read = read + %(read)s, …`
ADDITIONS = ", ".join(f"{name} = {name} + %({name})s" for name in FATES)
SUMMED = (*FATES, "batches", "gathered")
# As text: a run reads them nine times at least, and the ORM would take longer to put together the query than
# PostgreSQL to answer it.
SUMS = (
    f"SELECT {', '.join(f'coalesce(sum(chunk.{name}), 0)' for name in SUMMED)}, "  # noqa: S608
    "coalesce(sum(end_offset - start_offset), 0), coalesce(sum(committed_offset - start_offset), 0), "
    "coalesce(bool_or(state <> %(done)s), false), coalesce(bool_or(stop_requested), false) "
    f"FROM {ImportChunk._meta.db_table} chunk JOIN {DataImportJob._meta.db_table} job ON job.id = job_id "
    "WHERE job_id = %(job)s"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """A job's figures.

    counts   fates of its records
    gathered how many wait for their fate in a table of their own
    batches  batches that all runs have committed
    part     how much of the work is done, from 0 to 1
    part_read  how much of the source has been read
    """

    counts: Counts = field(default_factory=Counts)
    gathered: int = 0
    batches: int = 0
    part: float = 0.0
    part_read: float = 0.0
    has_open_chunks: bool = True
    is_asked_to_stop: bool = False

    @property
    def records(self) -> int:
        """Records read so far."""
        return self.counts.read + self.gathered

    @classmethod
    def of(cls, job: DataImportJob) -> "Figures":
        """Read the figures from the ledger, in one query."""
        sums, size, done, is_open, stop = _sums(job)
        of_phase = done / size if size else 1.0
        return cls(
            counts=Counts(*(sums[name] for name in FATES)),
            gathered=sums["gathered"],
            batches=sums["batches"],
            part=_part(job, of_phase),
            part_read=1.0 if job.gather_phase == job.GatherPhase.POUR else of_phase,
            has_open_chunks=is_open,
            is_asked_to_stop=stop,
        )


def _part(job: DataImportJob, of_phase: float) -> float:
    """Return the part of the work, if records take two steps into the table and `of_phase` is the part of one."""
    phases = {job.GatherPhase.GATHER: of_phase / 2, job.GatherPhase.POUR: 0.5 + of_phase / 2}
    return phases.get(job.gather_phase, of_phase)


def _sums(job: DataImportJob) -> tuple[dict[str, int], int, int, bool, bool]:
    """Return the sums of the counters, then size, done part, whether a chunk is open, and whether to stop."""
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(SUMS, {"job": job.pk, "done": ImportChunk.State.DONE})
        row = cursor.fetchone()
    sums = {name: int(value) for name, value in zip(SUMMED, row, strict=False)}
    size, done, is_open, stop = row[len(SUMMED) :]
    return sums, int(size), int(done), is_open, stop


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


def take_gathered_back(chunk: ImportChunk, records: int) -> None:
    """Uncount gathered records of a chunk that are set aside."""
    ImportChunk.objects.filter(pk=chunk.pk).update(gathered=F("gathered") - records)


def take_back(chunk: ImportChunk, records: int) -> None:
    """Uncount records of a chunk that were counted as inserted and are set aside after all."""
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(
            f"UPDATE {ImportChunk._meta.db_table} SET read = read - %(n)s, inserted = inserted - %(n)s "  # noqa: S608
            "WHERE id = %(chunk)s",
            {"n": records, "chunk": chunk.pk},
        )


def refresh_job_figures(job: DataImportJob) -> None:
    """Copy the ledger's figures to the job. Call it in the same transaction, so that a kill cannot separate them."""
    figures = {name: number for name, number in _sums(job)[0].items() if name != "gathered"}
    current = DataImportJob.objects.select_for_update().get(pk=job.pk)
    result = None if current.result is None else current.result | figures
    DataImportJob.objects.filter(pk=job.pk).update(**figures, result=result)
