"""Rejected records: out as CSV, mended, and in again as the same job."""

from dataclasses import asdict, replace

from importer import ledger
from importer.conf import conf
from importer.exceptions import JobAlreadyRunning
from importer.models import DataImportJob, LogEvent, StagingRecord
from importer.records import Replayed
from importer.rejects.fixed import RejectsRefused, Taken, take_over
from importer.sources.local import locate
from importer.specs.compile import compile_mapping
from importer.specs.registry import get_spec
from importer.work.control import Control, stopping_on_signals
from importer.work.pipeline import Stages
from importer.work.settle import replay


def replay_rejects(job: DataImportJob, source: str | None = None) -> Replayed:
    """Put rejected records through the pipeline again; those that pass leave the rejected ones.

    With a mended CSV, the records it holds; without, the stored ones as they are (after the spec, a parent or a table
    was mended). A record that could not be taken apart is left as it is until somebody has changed it in the file.
    Ctrl-C and SIGTERM stop it after the batch in hand. Raises RejectsRefused, JobAlreadyRunning.
    """
    conf.verify()
    if job.planned_at is None:
        raise RejectsRefused(f"Job {job.pk} has not been run yet, so nothing was rejected.")
    if not ledger.hold_job(job.pk):
        raise JobAlreadyRunning(f"Job {job.pk} is running just now; replay its rejected records afterwards.")
    control = Control()
    try:
        with stopping_on_signals(control):
            taken = Taken()
            if source is not None:
                taken = take_over(job, locate(source))
                ledger.log(job, LogEvent.MENDED, source, **asdict(taken))
            states = (
                [StagingRecord.State.REJECTED, StagingRecord.State.FIXED]
                if source is None
                else [StagingRecord.State.FIXED]
            )
            mapping = compile_mapping(get_spec(job.spec), job.columns or [])
            counts = replay(Stages.of(job, mapping, is_settling=True), control, states=states)
            counts = replace(counts, left=counts.left + taken.left, passed_over=taken.passed_over)
            ledger.log(job, LogEvent.REPLAYED, **asdict(counts))
    finally:
        ledger.let_job_go(job.pk)
    return counts
