"""What `manage.py procrastinate worker` does for the importer; found by procrastinate, where that is installed."""

import contextlib
import socket
from typing import Any

from django.contrib.auth import get_user_model
from django.db import Error as DatabaseError
from django.db import connections
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.job_context import AbortReason

from importer import ledger, queue
from importer.conf import conf
from importer.control import Control
from importer.exceptions import ImporterError, JobAlreadyRunning, in_words, traceback_of
from importer.executors.workers import FAILED
from importer.memory import resident_mb
from importer.models import DataImportJob
from importer.queue import NAME
from importer.rights import may_import_with
from importer.run import run_import
from importer.worker import Worker

MAY_RUN = "importer.change_dataimportjob"


@app.task(name="importer.tasks.work_on_chunk", queue=NAME, pass_context=True)
def work_on_chunk(context: JobContext, *, job_id: int, chunk_id: int) -> None:
    """Carry one chunk through the pipeline, unless somebody has it, or the job is no longer run."""
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
    except Exception as error:
        with contextlib.suppress(DatabaseError):
            reason = f"On {socket.gethostname()}: {in_words(error)}"
            ledger.log(job_id, FAILED, reason, chunk_id=chunk_id, **traceback_of(error))
    finally:
        connections.close_all()  # the thread is the worker's, and may not come again


@app.task(name=queue.RUN, queue=NAME, pass_context=True)
def run_in_background(context: JobContext, *, job_id: int, user_id: Any) -> None:
    """What the admin's action asked for. Rights that were withdrawn meanwhile count."""
    jobs = DataImportJob.objects.filter(pk=job_id)

    def look_around(progress: Any) -> None:
        if context.should_abort():
            jobs.update(stop_requested=True)

    try:
        job = jobs.defer("contested").first()
        if job is None:
            return  # it was deleted, and its log with it
        model: Any = get_user_model()
        user = model._default_manager.filter(pk=user_id).first()
        if user is None or not (user.has_perm(MAY_RUN) and may_import_with(user, job.spec)):
            ledger.log(job_id, "refused", f"whoever asked for it (user {user_id}) may no longer run imports")
            return
        result = run_import(job_id, on_progress=look_around)
        if result.status == DataImportJob.Status.STOPPED and context.abort_reason() is AbortReason.SHUTDOWN:
            queue.enqueue_run(job_id, user_id)  # for the worker that comes after this one
    except (JobAlreadyRunning, DataImportJob.DoesNotExist, ImporterError) as error:
        with contextlib.suppress(DatabaseError):
            ledger.log(job_id, "refused", in_words(error))
    finally:
        connections.close_all()
