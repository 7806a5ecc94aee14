"""Defines the importer's tasks for `manage.py procrastinate worker`, if procrastinate is installed."""

import contextlib
import socket
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import Error as DatabaseError
from django.db import connections
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import AbortReason
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from importer import ledger
from importer.conf import conf
from importer.exceptions import (
    DatabaseGone,
    ImporterError,
    JobAlreadyRunning,
    any_fault,
    reason_of,
    traceback_of,
)
from importer.executors import queue
from importer.executors.queue import NAME
from importer.models import DataImportJob, LogEvent
from importer.rights import has_right, may_read_source, may_run, may_undo

# Pause before a run that could not start, or could not finish, is tried again.
PAUSE_SECONDS = 60


@app.task(name="importer.tasks.work_on_chunk", queue=NAME, pass_context=True)
def work_on_chunk(context: JobContext, *, job_id: int, chunk_id: int) -> None:
    """Carry one chunk through the pipeline, unless another worker has it or the job no longer runs."""
    # Every command of the site loads this module, but few import anything.
    from importer.work.control import Control
    from importer.work.machine import resident_mb
    from importer.work.worker import Worker

    control = Control()

    def look_around(records: int) -> None:
        control.memory_is_short = resident_mb() > conf.MEMORY_THRESHOLD_MB
        if context.should_abort():
            control.stop()

    control.on_batch(look_around)
    try:
        job = DataImportJob.objects.filter(
            pk=job_id, status=DataImportJob.Status.RUNNING, stop_requested=False
        ).first()
        if job is not None:
            Worker(job, control, chunk_id=chunk_id).drain()
    except any_fault() as error:
        with contextlib.suppress(DatabaseError):
            reason = f"On {socket.gethostname()}: {reason_of(error)}"
            ledger.log(job_id, LogEvent.WORKER_FAILED, reason, chunk_id=chunk_id, **traceback_of(error))
    finally:
        connections.close_all()  # the thread belongs to procrastinate and may never be used again


class NotRecorded(Exception):
    """The database went away before the end of the run was recorded."""


class UntilItEnds(BaseRetryStrategy):
    """Retries a run that its worker could not finish: at once after a shutdown, otherwise after a pause.

    The retry reuses the row of the queue, because a worker that shuts down may already count as dead.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobAborted):
            return RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, JobAlreadyRunning | NotRecorded | DatabaseGone | DatabaseError):
            return RetryDecision(retry_in={"seconds": PAUSE_SECONDS})
        return None


@app.task(name=queue.RUN, queue=NAME, pass_context=True, retry=UntilItEnds())
def run_in_background(context: JobContext, *, job_id: int, user_id: Any) -> None:
    """Run a job that was enqueued in the admin. Raises the exceptions that `UntilItEnds` retries."""
    try:
        _run(context, job_id, user_id)
    except JobAlreadyRunning as error:
        if not context.job.attempts:
            with contextlib.suppress(DatabaseError):
                ledger.log(job_id, LogEvent.WAITING, reason_of(error))
        raise
    except DatabaseGone:
        raise
    except (DataImportJob.DoesNotExist, ImporterError) as error:
        with contextlib.suppress(DatabaseError):
            ledger.log(job_id, LogEvent.REFUSED, reason_of(error))
    finally:
        connections.close_all()


def _run(context: JobContext, job_id: int, user_id: Any) -> None:
    """Run the job, unless the user has lost the rights since it was enqueued."""
    from importer.run.run import run_import
    from importer.work.control import Control

    jobs = DataImportJob.objects.filter(pk=job_id)
    job = jobs.defer("contested").first()
    if job is None:
        return  # it was deleted, and its log with it
    if job.stop_requested and job.status == DataImportJob.Status.RUNNING:
        # Its worker died before it saw the request to stop.
        job.move(to=DataImportJob.Status.STOPPED, believed=(DataImportJob.Status.RUNNING,))
        ledger.log(job, LogEvent.STOPPED, "stop requested while its worker was gone")
        return
    user = _user_of(user_id)
    if user is None or not may_run(user, job):
        ledger.log(
            job_id, LogEvent.REFUSED, f"the user who requested it ({user_id}) may no longer run this import"
        )
        return
    control = Control()

    def look_around(progress: Any) -> None:
        if context.should_abort():
            control.stop()

    result = run_import(job_id, on_progress=look_around, control=control, max_errors=_most_errors())
    if jobs.filter(status=DataImportJob.Status.RUNNING).exists():
        raise NotRecorded(result.reason)
    was_shut_down = context.abort_reason() is AbortReason.SHUTDOWN
    if was_shut_down and jobs.filter(status=DataImportJob.Status.STOPPED, stop_requested=False).exists():
        raise JobAborted  # so that another worker continues


@app.task(name=queue.VERIFY, queue=NAME)
def verify_in_background(*, job_id: int, user_id: Any) -> None:
    """Verify a job, unless the user has lost the rights since it was enqueued. A refusal goes to the job's log."""
    from importer.verify.verify import verify_import

    try:
        job, user = DataImportJob.objects.filter(pk=job_id).first(), _user_of(user_id)
        if job is None or user is None:
            return
        if may_read_source(user, job):
            verify_import(job, by=user.get_username())
        else:
            ledger.log(
                job, LogEvent.REFUSED, f"the user who requested it ({user_id}) may not read this source"
            )
    except ImporterError as error:
        with contextlib.suppress(DatabaseError):
            ledger.log(job_id, LogEvent.REFUSED, reason_of(error))
    finally:
        connections.close_all()


@app.task(name=queue.UNDO, queue=NAME, pass_context=True, retry=UntilItEnds())
def undo_in_background(context: JobContext, *, job_id: int, user_id: Any, with_related: bool) -> None:
    """Undo a job that was enqueued in the browser. Raises the exceptions that `UntilItEnds` retries."""
    try:
        _undo(context, job_id, user_id, with_related=with_related)
    except (JobAlreadyRunning, DatabaseGone):
        raise
    except ImporterError as error:
        with contextlib.suppress(DatabaseError):
            ledger.log(job_id, LogEvent.REFUSED, reason_of(error))
    finally:
        connections.close_all()


def _undo(context: JobContext, job_id: int, user_id: Any, *, with_related: bool) -> None:
    """Undo the job, unless the user has lost the rights since it was enqueued."""
    from importer.undo.undo import undo_import
    from importer.work.control import Control

    job, user = DataImportJob.objects.filter(pk=job_id).first(), _user_of(user_id)
    if job is None:
        return
    if user is None or not may_undo(user, job):
        reason = f"the user who requested it ({user_id}) may no longer undo this import"
        ledger.log(job_id, LogEvent.REFUSED, reason)
        return
    control = Control()

    def look_around(rows: int) -> None:
        if context.should_abort():
            control.stop()

    undone = undo_import(
        job, with_related=with_related, may=partial(has_right, user), on_progress=look_around, control=control
    )
    if undone.is_stopped and context.abort_reason() is AbortReason.SHUTDOWN:
        raise JobAborted  # so that another worker continues


def _user_of(user_id: Any) -> Any:
    model: Any = get_user_model()
    return model._default_manager.filter(pk=user_id).first()


def _most_errors() -> int | None:
    """Return the limit for a run in the background, which nobody watches, if the site has not set one."""
    is_set = conf.MAX_ERRORS is not None or conf.MAX_ERROR_RATE is not None
    return None if is_set else conf.BACKGROUND_MAX_ERRORS
