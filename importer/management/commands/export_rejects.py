import os
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser

from importer.management.command import ImporterCommand
from importer.management.listing import job_asked_for
from importer.management.refusals import refusals_in_one_line
from importer.models import DataImportJob
from importer.rejects.export import export_rejects
from importer.rejects.private_file import private_file
from importer.rejects.report import missing_rejects


class Command(ImporterCommand):
    help = "Write the rejected records as CSV, with lines and reasons. Fix them, then pass the file to replay_rejects."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id", type=int, nargs="?", help="default: list the last jobs")
        parser.add_argument(
            "--output", type=Path, help="a file that only you can read (default: standard output)"
        )

    def handle(self, *, job_id: int | None, output: Path | None, **_: Any) -> None:
        job = job_asked_for(self, job_id)
        with refusals_in_one_line():
            for line in missing_rejects(job):
                self.stderr.write(line)
            if output is None:
                self._print(job)
                return
            try:
                with private_file(output) as file:
                    records = export_rejects(job, file)
            except OSError as error:
                raise CommandError(f'"{output}" cannot be written: {error.strerror}.') from None
        self.stderr.write(f"{records:,} rejected records written to {output}.")

    def _print(self, job: DataImportJob) -> None:
        try:
            export_rejects(
                job, cast(TextIO, self.stdout._out)
            )  # Django's wrapper would add its own line ends
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has closed the pipe (`| head`). What Python flushes at exit must go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
