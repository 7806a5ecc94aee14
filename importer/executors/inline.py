"""Runs one worker in this process."""

from importer.run.watch import Watch
from importer.work.worker import Worker


def execute(watch: Watch) -> None:
    Worker(watch.job, watch.control).drain()
