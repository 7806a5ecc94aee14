"""Counts runs that were killed (out of memory, say) before they could record how they ended."""

from dataclasses import dataclass

from importer.conf import conf
from importer.ledger.audit import log
from importer.ledger.leases import committed_batches
from importer.models import DataImportJob, LogEvent


@dataclass(frozen=True, slots=True)
class FormerRun:
    """How the last run of a job ended.

    died     it was killed
    deaths   killed runs in a row that committed no batch
    batches  batches that all runs of the job have committed
    runner   "host:pid" of the last run
    """

    died: bool
    deaths: int
    batches: int
    runner: str

    @property
    def reason(self) -> str:
        """Why the job fails."""
        return (
            f"The run was killed {self.deaths} times before it committed a batch, the last time on {self.runner}, most "
            f"likely because it ran out of memory. See the worker's log; run the same command again to retry."
        )


def look_at_former_run(job: DataImportJob) -> FormerRun:
    """Detect and log a killed run: the job's status is "running", but nobody else holds it.

    Call it while holding the job. Raises DataImportJob.DoesNotExist.
    """
    row = DataImportJob.objects.only("status", "deaths", "batches", "runner").get(pk=job.pk)
    batches = committed_batches(job)
    if row.status != DataImportJob.Status.RUNNING:
        return FormerRun(died=False, deaths=0, batches=batches, runner=row.runner)
    # `row.batches` is the number when that run began.
    deaths = 0 if batches > row.batches else row.deaths + 1
    count = f" ({deaths} of {conf.MAX_CHUNK_ATTEMPTS} without a batch)" if deaths else ""
    log(job, LogEvent.DIED, f"{row.runner} was killed{count}", deaths=deaths)
    return FormerRun(died=True, deaths=deaths, batches=batches, runner=row.runner)
