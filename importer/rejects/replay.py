"""Replays rejected records in the same job, from a fixed file or as they are stored."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from django.db.models import Q

from importer import ledger
from importer.conf import conf
from importer.exceptions import JobAlreadyRunning
from importer.models import DataImportJob, LogEvent, StagingRecord
from importer.records import Replayed
from importer.rejects.fixed import Taken, take_over
from importer.rejects.refused import RejectsRefused
from importer.sources.local import locate, own_file
from importer.specs.compile import compile_mapping
from importer.specs.registry import get_spec
from importer.work.control import Control, stopping_on_signals
from importer.work.pipeline import Stages
from importer.work.settle import replay

State = StagingRecord.State
# Records in one transaction of a replay that has to end after some seconds.
SMALL_BATCH = 200
# A repair takes a moment. Another one waits for it, but not for a run.
PATIENCE_SECONDS, PAUSE_SECONDS = 3.0, 0.05


def replay_rejects(
    job: DataImportJob,
    source: str | None = None,
    *,
    lines: Collection[int] | None = None,
    seconds: float | None = None,
    by: Any = None,
    is_own_file: bool = False,
) -> Replayed:
    """Import rejected records again; those that pass are no longer rejected.

    source   the path of a fixed file, CSV or xlsx, whose records are replayed; None: all stored records, unchanged
             (after the spec, a parent or a table was fixed)
    lines    only the stored records of these lines
    seconds  stop after the batch that ends later than this
    by       the user, for the log
    is_own_file  the caller names a file of their own, which may lie anywhere; otherwise it must lie below SOURCE_ROOTS

    A record that could not be split into columns stays rejected until it was changed. Ctrl-C and SIGTERM stop the
    replay after the current batch. Raises RejectsRefused, SourceRefused, MappingRefused, JobAlreadyRunning and
    PoolerInTheWay.
    """
    conf.verify()
    verify_replayable(job)
    with held(job):
        control = _stopping_after(seconds)
        with stopping_on_signals(control):
            taken = Taken()
            if source is not None:
                taken = take_over(job, own_file(source) if is_own_file else locate(source))
                ledger.log(job, LogEvent.MENDED, source, **asdict(taken))
            states = [State.REJECTED, State.FIXED] if source is None else [State.FIXED]
            mapping = compile_mapping(get_spec(job.spec), job.columns or [], job.dialect)
            counts = replay(
                Stages.of(job, mapping, ignore_survey=True, orphans_wait=False),
                control,
                states=states,
                only=None if lines is None else Q(line__in=lines),
                size=SMALL_BATCH if seconds else None,
            )
            counts = replace(counts, left=counts.left + taken.left, passed_over=taken.passed_over)
            ledger.log(job, LogEvent.REPLAYED, **asdict(counts), **named(by))
    return counts


def verify_replayable(job: DataImportJob) -> None:
    """Raise RejectsRefused for a job whose records cannot be replayed, or need no repair."""
    if job.planned_at is None:
        raise RejectsRefused(f"Job {job.pk} has not been run yet, so nothing was rejected.")
    if job.undone_at is not None:
        raise RejectsRefused(f"Job {job.pk} was undone; create a new job to import the source again.")
    if unfinished := job.unfinished_load:
        raise RejectsRefused(f"Job {job.pk} {unfinished}; run it to its end, then replay.")


@contextmanager
def held(job: DataImportJob, patience: float = 0.0) -> Iterator[None]:
    """Hold the job, so that no run and no replay reads records that change. Raises JobAlreadyRunning.

    patience  how many seconds to wait for whoever holds it
    """
    deadline = time.monotonic() + patience
    while not ledger.hold_job(job.pk):
        if time.monotonic() >= deadline:
            raise JobAlreadyRunning(
                f"Job {job.pk} is running; replay its rejected records when it has ended."
            )
        time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        ledger.let_job_go(job.pk)


def named(user: Any) -> dict[str, Any]:
    """Return the user as a detail of a log entry; nothing without one."""
    key = getattr(user, "pk", None)
    return {} if key is None else {"by": key if isinstance(key, int) else str(key)}


def _stopping_after(seconds: float | None) -> Control:
    control = Control()
    if seconds is not None:
        deadline = time.monotonic() + seconds
        control.on_batch(lambda _: control.stop() if time.monotonic() >= deadline else None)
    return control
