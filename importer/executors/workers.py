"""Runs workers on any number of machines with `manage.py procrastinate worker` on the site's database.

Each chunk is one task. A task carries the ids of the job and the chunk; everything else is in the ledger. The
coordinator enqueues a task for every chunk that nobody works on: at the start, and again after a worker has died or was
frozen beyond its lease. So a lost machine loses nothing, and an added one takes part at once. If the coordinator itself
dies, the same command run again takes its place.
"""

import math
import time
from typing import Any

from django.apps import apps

from importer import ledger
from importer.exceptions import ImporterError, JobAlreadyRunning
from importer.models import DataImportJob, ImportChunk, LogEvent, MigrationLog
from importer.run.watch import Watch
from importer.work.retry import patiently

POLL_SECONDS = 0.2
# Seconds between two looks for chunks that nobody works on, and for failures of workers.
LOOK_SECONDS = 1.0
# Without any worker for this long, the log says what is missing.
PATIENCE_SECONDS = 15.0
SECONDS_TO_FINISH = 20.0


def execute(watch: Watch) -> None:
    """Enqueue chunks until none is left or the run stops. Raises ImporterError with a worker's reason."""
    queue = _queue()
    watched_from = (
        MigrationLog.objects.filter(job=watch.job).order_by("-pk").values_list("pk", flat=True).first() or 0
    )
    next_look, has_warned, began = -math.inf, False, time.monotonic()
    try:
        while watch.open_chunks and not watch.control.stopping:
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                patiently(lambda: _look(watch, queue, watched_from), watch.control)
            if not has_warned and not watch.batches and time.monotonic() - began > PATIENCE_SECONDS:
                has_warned = True
                ledger.log(
                    watch.job, LogEvent.NO_WORKER, f'no worker takes tasks from the queue "{queue.NAME}"'
                )
            time.sleep(POLL_SECONDS)
            watch.tick()
    finally:
        if watch.open_chunks and _is_ours(watch):
            _call_off(watch, queue)


def _is_ours(watch: Watch) -> bool:
    """Whether we still hold the job. If another process took it over, workers and tasks are its own and continue."""
    try:
        watch.hold.keep()
    except JobAlreadyRunning:
        return False
    return True


def _queue() -> Any:
    if not apps.is_installed("procrastinate.contrib.django"):
        raise ImporterError(
            'The executor "workers" needs procrastinate: run `pip install "procrastinate[django]"` and add '
            '"procrastinate.contrib.django" to INSTALLED_APPS, or use --executor process.'
        )
    from importer.executors import queue

    return queue


def _look(watch: Watch, queue: Any, watched_from: int) -> None:
    failure = (
        MigrationLog.objects.filter(job=watch.job, pk__gt=watched_from, event=LogEvent.WORKER_FAILED)
        .order_by("pk")
        .first()
    )
    if failure is not None:
        raise ImporterError(failure.reason)
    queued = queue.queued_chunks(watch.job.pk)
    free = [chunk for chunk in ledger.unattended_chunks(watch.job) if chunk not in queued]
    room = watch.workers - len(queued) - ledger.attended(watch.job)
    for chunk in free[: max(0, room)]:
        queue.enqueue(watch.job.pk, chunk)


def _call_off(watch: Watch, queue: Any) -> None:
    """Stop the workers after their current batch, and take back the tasks that have not begun."""
    DataImportJob.objects.filter(pk=watch.job.pk).ask_to_stop()
    queue.take_back(watch.job.pk)
    deadline = time.monotonic() + SECONDS_TO_FINISH
    running = ImportChunk.objects.filter(job=watch.job, state=ImportChunk.State.RUNNING)
    while time.monotonic() < deadline and ledger.attended(watch.job) and running.exists():
        time.sleep(POLL_SECONDS)
