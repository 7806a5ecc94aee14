"""What is done by the clock: `manage.py procrastinate worker` sees to it, on whichever machine is free.

Each task is also a command, for a site that has another scheduler. All of them may be run twice.
"""

import logging
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connections
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

logger = logging.getLogger("cortex.tasks")

QUEUE = "schedule"
# A task whose worker has not been heard of for so long is given to another one.
STALLED_SECONDS = 60.0


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="refresh_rollups", pass_context=False)
def refresh_rollups(timestamp: int) -> None:
    run("refresh_rollups")


@app.periodic(cron="*/5 * * * *")
@app.task(queue=QUEUE, queueing_lock="clean_sessions")
def clean_sessions(timestamp: int) -> None:
    """Those that expired: tracking's rows, and Django's."""
    run("clean_sessions")
    run("clearsessions")


@app.periodic(cron="17 3 * * *")
@app.task(queue=QUEUE, queueing_lock="prune_events")
def prune_events(timestamp: int) -> None:
    run("prune_events")


@app.periodic(cron="27 3 * * *")
@app.task(queue=QUEUE, queueing_lock="prune_imports")
def prune_imports(timestamp: int) -> None:
    run("prune_imports")


@app.periodic(cron="47 3 * * *")
@app.task(queue=QUEUE, queueing_lock="verify_rollups")
def verify_rollups(timestamp: int) -> None:
    """A difference makes the task fail, and so is seen by whoever watches the queue."""
    run("verify_rollups")


@app.periodic(cron="7 4 * * *")
@app.task(queue=QUEUE, queueing_lock="clean_spool")
def clean_spool(timestamp: int) -> None:
    """Of the machine that this runs on."""
    run("clean_spool")


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="drain_events")
def drain_events(timestamp: int) -> None:
    """What waits in the stream, or in the spool of this machine."""
    run("drain_events", "--once")


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="retry_stalled", pass_context=False)
async def retry_stalled(timestamp: int) -> None:
    """Tasks whose worker died. (A chunk of an import is in other hands long before: its lease ends sooner.)"""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        logger.warning(
            "The worker of task %s (%s) is gone; it is given to another one.", job.id, job.task_name
        )
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # the next of its kind waits already, and does what this one had to
            await manager.finish_job(job, Status.ABORTED, delete_job=False)


@app.periodic(cron="37 4 * * *")
@app.task(queue=QUEUE, queueing_lock="forget_old_tasks", pass_context=False)
async def forget_old_tasks(timestamp: int) -> None:
    await app.job_manager.delete_old_jobs(
        nb_hours=7 * 24, include_failed=True, include_cancelled=True, include_aborted=True
    )


def run(command: str, *arguments: Any) -> None:
    said = StringIO()
    try:
        call_command(command, *arguments, stdout=said, stderr=said)
    finally:
        connections.close_all()  # the thread is the worker's, and may not come again
        for line in said.getvalue().splitlines():
            logger.info("%s: %s", command, line)
