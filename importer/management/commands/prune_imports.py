from typing import Any

from django.core.management.base import CommandError, CommandParser

from importer.conf import conf
from importer.management.command import ImporterCommand
from importer.management.refusals import refusals_in_one_line
from importer.privacy.retention import (
    Uploads,
    prune_drafts,
    prune_log,
    prune_rejected,
    prune_undo,
    prune_uploads,
    verify_days,
)


class Command(ImporterCommand):
    help = "Delete rejected records, uploads and log entries of jobs that ended long ago, in small steps."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--step", type=int, default=2_000, help="rows per statement (default: 2000)")

    def handle(self, *, step: int, **_: Any) -> None:
        step = max(1, step)
        with refusals_in_one_line():
            verify_days()
            self._prune("rejected records", conf.REJECTED_DAYS, lambda days: prune_rejected(days, step=step))
            self._prune("rows kept for undo", conf.REJECTED_DAYS, lambda days: prune_undo(days, step=step))
            failures: list[str] = []
            self._prune("uploads", conf.UPLOAD_DAYS, lambda days: _counted(prune_uploads(days), failures))
            self._prune("drafts", conf.UPLOAD_DAYS, lambda days: _counted(prune_drafts(days), failures))
            self._prune("log entries", conf.LOG_DAYS, lambda days: prune_log(days, step=step))
        for failure in failures:
            self.stderr.write(failure)
        if failures:
            raise CommandError(f"{len(failures):,} uploads were not deleted; the next run tries again.")

    def _prune(self, what: str, days: int | None, prune: Any) -> None:
        if days is None:
            self.stdout.write(f"{what}: kept for ever")
            return
        self.stdout.write(f"{what}: {prune(days):,} deleted, {days} days after the end of their jobs")


def _counted(uploads: Uploads, failures: list[str]) -> int:
    failures += uploads.failures
    return uploads.deleted
