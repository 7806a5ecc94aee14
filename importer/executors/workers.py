"""Workers on any number of machines: whatever runs `manage.py procrastinate worker` on the site's database.

Each chunk is a task of its own, which carries the numbers of the job and of the chunk and nothing else; all the rest is
in the ledger. The coordinator sees to it that there is a task for every chunk that nobody works on: at first, and again
where a worker has died or been frozen beyond its lease. So a machine that is lost loses nothing, and one that is added
takes its part at once. What the coordinator does not see to, its successor does: the same command, run again.
"""

import math
import time
from typing import Any

from django.apps import apps

from importer import ledger
from importer.exceptions import ImporterError, JobAlreadyRunning
from importer.models import DataImportJob, ImportChunk, LogEvent, MigrationLog
from importer.run.watch import Watch
from importer.work.patience import patiently

POLL_SECONDS = 0.2
# How often to look for chunks that nobody works on, and for what workers say.
LOOK_SECONDS = 1.0
# After so long without a worker anywhere, say what is missing.
PATIENCE_SECONDS = 15.0
SECONDS_TO_FINISH = 20.0


def execute(watch: Watch) -> None:
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
                    watch.job, LogEvent.NO_WORKER, f'no worker takes tasks of the queue "{queue.NAME}"'
                )
            time.sleep(POLL_SECONDS)
            watch.tick()
    finally:
        if watch.open_chunks and _is_ours(watch):
            _call_off(watch, queue)


def _is_ours(watch: Watch) -> bool:
    """Not where another process has the job by now: workers and tasks are that one's, and go on."""
    try:
        watch.hold.keep()
    except JobAlreadyRunning:
        return False
    return True


def _queue() -> Any:
    if not apps.is_installed("procrastinate.contrib.django"):
        raise ImporterError(
            'The executor "workers" needs the package procrastinate[django] and "procrastinate.contrib.django" in '
            "INSTALLED_APPS. Install it, or use --executor process."
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
    """Workers elsewhere stop after the batch in hand; a task that has not begun is taken back."""
    DataImportJob.objects.filter(pk=watch.job.pk).update(stop_requested=True)
    queue.take_back(watch.job.pk)
    deadline = time.monotonic() + SECONDS_TO_FINISH
    running = ImportChunk.objects.filter(job=watch.job, state=ImportChunk.State.RUNNING)
    while time.monotonic() < deadline and ledger.attended(watch.job) and running.exists():
        time.sleep(POLL_SECONDS)
