"""Enqueues chunks and runs in procrastinate's queue, and takes them back."""

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker
from procrastinate.exceptions import AlreadyEnqueued

from importer.models import DataImportJob

NAME = "imports"
TASK = "importer.tasks.work_on_chunk"
RUN = "importer.tasks.run_in_background"
VERIFY = "importer.tasks.verify_in_background"
UNDO = "importer.tasks.undo_in_background"
# procrastinate's workers write their heartbeat every 10 seconds.
ALIVE = dt.timedelta(seconds=45)


def enqueue(job_id: int, chunk_id: int) -> None:
    """Enqueue a chunk, unless a task for it is already waiting."""
    task = app.configure_task(TASK, queue=NAME, queueing_lock=_lock(job_id, chunk_id))
    try:
        task.defer(job_id=job_id, chunk_id=chunk_id)
    except AlreadyEnqueued:
        return


def queued_chunks(job_id: int) -> set[int]:
    locks = _waiting(job_id).values_list("queueing_lock", flat=True)
    return {int(lock.rpartition(":")[2]) for lock in locks}


def take_back(job_id: int) -> None:
    for task_id in _waiting(job_id).values_list("id", flat=True):
        app.job_manager.cancel_job_by_id(task_id)


def enqueue_run(job_id: int, user_id: Any) -> bool:
    """Have a worker run the whole job, and clear an earlier request to stop. False: it is already enqueued."""
    DataImportJob.objects.filter(pk=job_id).withdraw_stop()
    task = app.configure_task(RUN, queue=NAME, queueing_lock=_lock_of_run(job_id))
    try:
        with transaction.atomic():  # a conflict must not break the caller's transaction
            task.defer(job_id=job_id, user_id=str(user_id))
    except AlreadyEnqueued:
        return False
    return True


def enqueue_verification(job_id: int, user_id: Any) -> bool:
    """Have a worker verify a completed job. False: it is already enqueued."""
    task = app.configure_task(VERIFY, queue=NAME, queueing_lock=f"import-verify:{job_id}")
    try:
        with transaction.atomic():
            task.defer(job_id=job_id, user_id=str(user_id))
    except AlreadyEnqueued:
        return False
    return True


def take_back_run(job_id: int) -> bool:
    """Remove a waiting run from the queue. False: it has begun, or was never enqueued."""
    waiting = _waiting_run(job_id).values_list("id", flat=True)
    return any(app.job_manager.cancel_job_by_id(task_id) for task_id in waiting)


def runs_waiting() -> set[int]:
    """Return the jobs whose runs wait for a worker."""
    waiting = ProcrastinateJob.objects.filter(queue_name=NAME, task_name=RUN, status="todo")
    return {int(args["job_id"]) for args in waiting.values_list("args", flat=True)}


def run_waits(job_id: int) -> bool:
    return bool(_waiting_run(job_id).exists())


def enqueue_undo(job_id: int, user_id: Any, *, with_related: bool) -> bool:
    """Have a worker undo the job. False: that is already enqueued."""
    task = app.configure_task(UNDO, queue=NAME, queueing_lock=_lock_of_undo(job_id))
    try:
        with transaction.atomic():
            task.defer(job_id=job_id, user_id=str(user_id), with_related=with_related)
    except AlreadyEnqueued:
        return False
    return True


def undo_waits(job_id: int) -> bool:
    return bool(ProcrastinateJob.objects.filter(status="todo", queueing_lock=_lock_of_undo(job_id)).exists())


def has_workers() -> bool:
    """Tell whether a worker lives. Which queues it works on is not known."""
    return bool(ProcrastinateWorker.objects.filter(last_heartbeat__gt=timezone.now() - ALIVE).exists())


def _waiting_run(job_id: int) -> Any:
    return ProcrastinateJob.objects.filter(status="todo", queueing_lock=_lock_of_run(job_id))


def _waiting(job_id: int) -> Any:
    return ProcrastinateJob.objects.filter(
        queue_name=NAME, status="todo", queueing_lock__startswith=_lock(job_id, "")
    )


def _lock(job_id: int, chunk_id: int | str) -> str:
    return f"import:{job_id}:{chunk_id}"


def _lock_of_run(job_id: int) -> str:
    return f"import-run:{job_id}"


def _lock_of_undo(job_id: int) -> str:
    return f"import-undo:{job_id}"
