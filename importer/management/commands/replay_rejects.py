from typing import Any

from django.core.management.base import CommandError, CommandParser

from importer.management.command import ImporterCommand
from importer.management.listing import job_asked_for
from importer.management.refusals import refusals_in_one_line
from importer.rejects.replay import replay_rejects
from importer.rejects.report import missing_rejects


class Command(ImporterCommand):
    help = "Import rejected records again, in the same job: from a fixed file, or as they are stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int, nargs="?", help="default: list the last jobs")
        parser.add_argument(
            "file", nargs="?", help="the fixed CSV of export_rejects (default: the stored records)"
        )

    def handle(self, *, job_id: int | None, file: str | None, **_: Any) -> None:
        job = job_asked_for(self, job_id)
        with refusals_in_one_line():
            counts = replay_rejects(job, file, is_own_file=True)
        self.stdout.write(
            f"Job {job.pk}: {counts.read:,} records replayed = {counts.inserted:,} inserted + "
            f"{counts.updated:,} updated + "
            f"{counts.unchanged:,} unchanged + {counts.skipped:,} skipped + {counts.rejected:,} rejected again."
        )
        for line in missing_rejects(job):
            self.stdout.write(line)
        if counts.passed_over:
            self.stdout.write(
                f"{counts.passed_over:,} were passed over: an earlier replay has imported them already."
            )
        if counts.left:
            self.stdout.write(
                f"{counts.left:,} remain rejected: they could not be split into columns. Fix them in the file that "
                f"`export_rejects {job.pk}` writes."
            )
        if counts.stopped:
            raise CommandError(
                f"The replay of job {job.pk} was stopped; run the same command to continue.", returncode=3
            )
