from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from importer.jobs import create_job
from importer.management.refusals import refusals_in_one_line
from importer.models import DataImportJob


class Command(BaseCommand):
    help = "Create an import job and print its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("spec", help="name of a registered import spec")
        parser.add_argument(
            "source",
            help="a file below the source roots, s3://BUCKET/KEY, storage:ALIAS/NAME or db:ALIAS/TABLE",
        )
        parser.add_argument(
            "--format", choices=DataImportJob.Format.values, help="default: guessed from the source's name"
        )
        parser.add_argument("--encoding", default="utf-8", help="encoding of a text file (default: utf-8)")
        parser.add_argument(
            "--delimiter", default="", help='delimiter of a CSV file, one character or "tab" (default: ,)'
        )
        parser.add_argument("--name", default="", help="a name to recognise the job by")

    def handle(
        self,
        *,
        spec: str,
        source: str,
        format: str | None,  # noqa: A002 (the option's name)
        encoding: str,
        delimiter: str,
        name: str,
        **_: Any,
    ) -> None:
        with refusals_in_one_line(returncode=2):
            job = create_job(spec, source, format=format, encoding=encoding, delimiter=delimiter, name=name)
        self.stdout.write(str(job.pk))
