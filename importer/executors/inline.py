"""One worker, in this process."""

from typing import TYPE_CHECKING

from importer.work.worker import Worker

if TYPE_CHECKING:
    from importer.run.watch import Run


def execute(run: "Run") -> None:
    Worker(run.job, run.control).drain()
