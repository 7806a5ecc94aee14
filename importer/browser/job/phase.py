"""Tells where a job stands, beyond its status: whether it waits for a worker, or its process is gone."""

import enum

from django.apps import apps

from importer import ledger
from importer.models import DataImportJob

Status = DataImportJob.Status


class Phase(enum.StrEnum):
    NEW = "new"
    WAITING = "waiting"  # in the queue
    RUNNING = "running"
    LOST = "lost"  # its process was killed
    STOPPED = "stopped"
    FAILED = "failed"
    COMPLETED = "completed"
    IN_REVIEW = "in_review"  # waits for a second person
    UNDO_WAITS = "undo_waits"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def moves(self) -> bool:
        """Whether the page is worth another look in two seconds."""
        return self in (Phase.WAITING, Phase.RUNNING, Phase.UNDO_WAITS, Phase.UNDOING)

    @property
    def may_start(self) -> bool:
        return self in (Phase.NEW, Phase.LOST, Phase.STOPPED, Phase.FAILED)


ENDED = {
    Status.PENDING: Phase.NEW,
    Status.STOPPED: Phase.STOPPED,
    Status.FAILED: Phase.FAILED,
    Status.COMPLETED: Phase.COMPLETED,
    Status.AWAITING_APPROVAL: Phase.IN_REVIEW,
}


def phase_of(job: DataImportJob) -> Phase:
    """Return where the job stands. A few small queries."""
    if job.undone_at is not None:
        return Phase.UNDONE
    if ledger.is_held(job.pk):
        return Phase.RUNNING if job.status != Status.COMPLETED else Phase.UNDOING
    if job.status == Status.RUNNING:
        job.refresh_from_db(fields=["status", "undone_at"])  # it may have ended between the two looks
    if has_queue():
        from importer.executors import queue

        if job.status != Status.COMPLETED and queue.run_waits(job.pk):
            return Phase.WAITING
        if queue.undo_waits(job.pk):
            return Phase.UNDO_WAITS
    return Phase.LOST if job.status == Status.RUNNING else ENDED[Status(job.status)]


def has_queue() -> bool:
    return apps.is_installed("procrastinate.contrib.django")


def has_workers() -> bool:
    """Tell whether a worker would take a job from the queue."""
    if not has_queue():
        return False
    from importer.executors import queue

    return queue.has_workers()


def all_waiting() -> set[int]:
    """Return the jobs that wait for a worker."""
    if not has_queue():
        return set()
    from importer.executors import queue

    return queue.runs_waiting()
