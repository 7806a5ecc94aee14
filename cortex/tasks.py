"""Defines the scheduled tasks, which `manage.py procrastinate worker` runs on any machine.

Each task is also a command, for sites with another scheduler. All of them may run twice.
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
# A task is retried when its worker has sent no heartbeat for so long.
STALLED_SECONDS = 60.0


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="refresh_rollups", pass_context=False)
def refresh_rollups(timestamp: int) -> None:
    run("refresh_rollups")


@app.periodic(cron="*/5 * * * *")
@app.task(queue=QUEUE, queueing_lock="clean_sessions")
def clean_sessions(timestamp: int) -> None:
    """Ends expired sessions in tracking's table, and deletes them from Django's."""
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
    """Fails when it finds a difference, so that whoever monitors the queue sees it."""
    run("verify_rollups")


@app.periodic(cron="7 4 * * *")
@app.task(queue=QUEUE, queueing_lock="clean_spool")
def clean_spool(timestamp: int) -> None:
    """Cleans the importer's spool folder on the machine that runs the task."""
    run("clean_spool")


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="drain_events")
def drain_events(timestamp: int) -> None:
    """Stores the events that wait in the stream or in this machine's spool."""
    run("drain_events", "--once")


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="send_alerts")
def send_alerts(timestamp: int) -> None:
    """Sends alerts by mail and webhook, where the settings name receivers."""
    run("send_alerts")


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="retry_stalled", pass_context=False)
async def retry_stalled(timestamp: int) -> None:
    """Retries tasks whose worker died. Import chunks do not wait for this: their leases end sooner."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        logger.warning("The worker of task %s (%s) is gone; retrying the task.", job.id, job.task_name)
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # the next run is already queued, and does the same work
            await manager.finish_job(job, Status.ABORTED, delete_job=False)


@app.periodic(cron="37 4 * * *")
@app.task(queue=QUEUE, queueing_lock="forget_old_tasks", pass_context=False)
async def forget_old_tasks(timestamp: int) -> None:
    """Deletes finished tasks after a week."""
    await app.job_manager.delete_old_jobs(
        nb_hours=7 * 24, include_failed=True, include_cancelled=True, include_aborted=True
    )


def run(command: str, *arguments: Any) -> None:
    """Runs a command and logs its output, line by line. Raises what the command raises."""
    output = StringIO()
    try:
        call_command(command, *arguments, stdout=output, stderr=output)
    finally:
        connections.close_all()  # the worker may never use this thread again
        for line in output.getvalue().splitlines():
            logger.info("%s: %s", command, line)
