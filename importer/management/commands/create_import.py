from typing import Any

from django.core.management.base import CommandError, CommandParser

from importer.jobs import create_job
from importer.management.command import ImporterCommand
from importer.management.listing import ask_for_spec
from importer.management.refusals import refusals_in_one_line
from importer.models import DataImportJob
from importer.specs.dialect import parts_given


class Command(ImporterCommand):
    help = "Create an import job and print its id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("spec", nargs="?", help="name of an import spec (default: list the specs)")
        parser.add_argument(
            "source",
            nargs="*",
            help="files below the source roots, patterns such as 'exports/2021-*.csv', s3://BUCKET/KEY, "
            "storage:ALIAS/NAME or db:ALIAS/TABLE; several are read as one source",
        )
        parser.add_argument(
            "--format", choices=DataImportJob.Format.values, help="default: guessed from the source's name"
        )
        parser.add_argument("--encoding", default="utf-8", help="encoding of a text file (default: utf-8)")
        parser.add_argument(
            "--delimiter", default="", help='what separates the fields of a CSV file, or "tab" (default: ,)'
        )
        parser.add_argument("--quote", help='the character around fields, or "none" (default: ")')
        parser.add_argument("--escape", help="takes the special meaning from the next character, such as \\")
        parser.add_argument("--comment", help="lines that begin with this text are passed over")
        parser.add_argument("--skip-lines", type=int, help="lines to skip before the header")
        parser.add_argument("--footer-lines", type=int, help="lines to skip at the end")
        parser.add_argument(
            "--no-header", dest="header", action="store_const", const=False, help="use it with --columns"
        )
        parser.add_argument("--columns", help="names of the columns, with commas between, for --no-header")
        parser.add_argument(
            "--trailing-delimiter", action="store_const", const=True, help="each line ends with a delimiter"
        )
        parser.add_argument(
            "--blank-after-delimiter",
            action="store_const",
            const=True,
            help="blanks before a field are not part of it",
        )
        parser.add_argument(
            "--widths", help="characters of each field, with commas between, for fields of fixed widths"
        )
        parser.add_argument(
            "--sheet", default="", help="sheet of a workbook (default: the first visible one with values)"
        )
        parser.add_argument(
            "--review",
            action="store_const",
            const=True,
            help="a second person must approve the job before it writes anything",
        )
        parser.add_argument("--name", default="", help="a name to recognise the job by")

    def handle(
        self,
        *,
        spec: str | None,
        source: list[str],
        format: str | None,  # noqa: A002 (the option's name)
        encoding: str,
        delimiter: str,
        sheet: str,
        name: str,
        review: bool | None,
        **options: Any,
    ) -> None:
        if spec is None:
            ask_for_spec(self, "SPEC SOURCE")
        if not source:
            raise CommandError(f"Which source? Run `manage.py create_import {spec} SOURCE`.", returncode=2)
        with refusals_in_one_line(returncode=2):
            job = create_job(
                spec,
                source,
                format=format,
                encoding=encoding,
                delimiter=delimiter,
                dialect=parts_given(options),
                sheet=sheet,
                name=name,
                review=review,
            )
        self.stdout.write(str(job.pk))
        if self.stderr.isatty():
            self.stderr.write(
                f"Next: `manage.py run_import {job.pk} --dry-run` to see what would happen, or "
                f"`manage.py run_import {job.pk}`.",
                style_func=str,
            )
