"""Replays rejected records in the same job, from a fixed file or as they are stored."""

from dataclasses import asdict, replace

from importer import ledger
from importer.conf import conf
from importer.exceptions import JobAlreadyRunning
from importer.models import DataImportJob, LogEvent, StagingRecord
from importer.records import Replayed
from importer.rejects.fixed import RejectsRefused, Taken, take_over
from importer.sources.local import locate, own_file
from importer.specs.compile import compile_mapping
from importer.specs.registry import get_spec
from importer.work.control import Control, stopping_on_signals
from importer.work.pipeline import Stages
from importer.work.settle import replay


def replay_rejects(job: DataImportJob, source: str | None = None, *, is_own_file: bool = False) -> Replayed:
    """Import rejected records again; those that pass are no longer rejected.

    source  the path of a fixed CSV file, whose records are replayed; None: all stored records, unchanged (after the
            spec, a parent or a table was fixed)
    is_own_file  the caller names a file of their own, which may lie anywhere; otherwise it must lie below SOURCE_ROOTS

    A record that could not be split into columns stays rejected until it was changed in a file. Ctrl-C and SIGTERM stop
    the replay after the current batch. Raises RejectsRefused, SourceRefused, MappingRefused, JobAlreadyRunning and
    PoolerInTheWay.
    """
    conf.verify()
    if job.planned_at is None:
        raise RejectsRefused(f"Job {job.pk} has not been run yet, so nothing was rejected.")
    if job.undone_at is not None:
        raise RejectsRefused(f"Job {job.pk} was undone; create a new job to import the source again.")
    if unfinished := job.unfinished_load:
        raise RejectsRefused(f"Job {job.pk} {unfinished}; run it to its end, then replay.")
    if not ledger.hold_job(job.pk):
        raise JobAlreadyRunning(f"Job {job.pk} is running; replay its rejected records when it has ended.")
    control = Control()
    try:
        with stopping_on_signals(control):
            taken = Taken()
            if source is not None:
                taken = take_over(job, own_file(source) if is_own_file else locate(source))
                ledger.log(job, LogEvent.MENDED, source, **asdict(taken))
            states = (
                [StagingRecord.State.REJECTED, StagingRecord.State.FIXED]
                if source is None
                else [StagingRecord.State.FIXED]
            )
            mapping = compile_mapping(get_spec(job.spec), job.columns or [], job.dialect)
            counts = replay(
                Stages.of(job, mapping, ignore_survey=True, orphans_wait=False), control, states=states
            )
            counts = replace(counts, left=counts.left + taken.left, passed_over=taken.passed_over)
            ledger.log(job, LogEvent.REPLAYED, **asdict(counts))
    finally:
        ledger.let_job_go(job.pk)
    return counts
