"""Enqueues chunks and runs in procrastinate's queue, and takes them back."""

from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

from importer.models import DataImportJob

NAME = "imports"
TASK = "importer.tasks.work_on_chunk"
RUN = "importer.tasks.run_in_background"


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


def take_back_run(job_id: int) -> bool:
    """Remove a waiting run from the queue. False: it has begun, or was never enqueued."""
    waiting = ProcrastinateJob.objects.filter(status="todo", queueing_lock=_lock_of_run(job_id))
    return any(app.job_manager.cancel_job_by_id(task_id) for task_id in waiting.values_list("id", flat=True))


def _waiting(job_id: int) -> Any:
    return ProcrastinateJob.objects.filter(
        queue_name=NAME, status="todo", queueing_lock__startswith=_lock(job_id, "")
    )


def _lock(job_id: int, chunk_id: int | str) -> str:
    return f"import:{job_id}:{chunk_id}"


def _lock_of_run(job_id: int) -> str:
    return f"import-run:{job_id}"
