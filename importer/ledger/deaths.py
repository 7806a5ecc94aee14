"""Runs that die without a word, killed for want of memory say, and never come to write down what happened."""

from dataclasses import dataclass

from importer.conf import conf
from importer.ledger.audit import log
from importer.ledger.leases import committed_batches
from importer.models import DataImportJob, LogEvent


@dataclass(frozen=True, slots=True)
class FormerRun:
    """How the last run of a job ended: `deaths` in a row without a batch, and the batches committed by all so far."""

    died: bool
    deaths: int
    batches: int
    runner: str

    @property
    def reason(self) -> str:
        """Why the job is given up."""
        return (
            f"Its run died {self.deaths} times before it committed a batch, the last time on {self.runner}: killed, "
            f"most likely for want of memory. See the worker's log; run the same command again to try once more."
        )


def look_at_former_run(job: DataImportJob) -> FormerRun:
    """A job that is running though nobody but us holds it: its run was killed. Raises DataImportJob.DoesNotExist."""
    row = DataImportJob.objects.only("status", "deaths", "batches", "runner").get(pk=job.pk)
    batches = committed_batches(job)
    if row.status != DataImportJob.Status.RUNNING:
        return FormerRun(died=False, deaths=0, batches=batches, runner=row.runner)
    # `row.batches` is what there was when that run began.
    deaths = 0 if batches > row.batches else row.deaths + 1
    count = f" ({deaths} of {conf.MAX_CHUNK_ATTEMPTS} without a batch)" if deaths else ""
    log(job, LogEvent.DIED, f"{row.runner} was killed{count}", deaths=deaths)
    return FormerRun(died=True, deaths=deaths, batches=batches, runner=row.runner)
