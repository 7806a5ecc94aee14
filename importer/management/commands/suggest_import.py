from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db import models

from importer.management.command import ImporterCommand
from importer.management.guesses import show_guesses
from importer.management.refusals import refusals_in_one_line
from importer.models import DataImportJob
from importer.suggest.file.file_guess import Asked
from importer.suggest.mapping import keep_suggestion
from importer.suggest.python.suggested import as_python
from importer.suggest.suggestion import suggest


class Command(ImporterCommand):
    help = "Suggest a spec for a file: guess how it is written and which field each column fills, with the reasons."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "source", help="a file below the source roots, s3://BUCKET/KEY or storage:ALIAS/NAME"
        )
        parser.add_argument("--model", required=True, help="the model to fill: app_label.Model")
        parser.add_argument(
            "--output", help="file for the spec, which must not exist (default: standard output)"
        )
        parser.add_argument("--name", default="", help="keep the mapping under this name as well")
        parser.add_argument(
            "--format",
            default="",
            choices=["", *DataImportJob.Format.values],
            help="default: by the name and content",
        )
        parser.add_argument("--sheet", default="", help="sheet of a workbook (default: guessed)")
        parser.add_argument("--encoding", default="", help="encoding of a text file (default: guessed)")
        parser.add_argument(
            "--delimiter", default="", help='what separates fields, or "tab" (default: guessed)'
        )

    def handle(
        self,
        *,
        source: str,
        model: str,
        output: str | None,
        name: str,
        format: str,  # noqa: A002 (the option's name)
        sheet: str,
        encoding: str,
        delimiter: str,
        **_: Any,
    ) -> None:
        found = _model_called(model)
        asked = Asked(format, encoding, "\t" if delimiter in ("tab", "\\t") else delimiter, sheet)
        with refusals_in_one_line(returncode=2):
            suggestion = suggest(source, found, asked=asked)
            text = as_python(suggestion)
            mapping = keep_suggestion(name, suggestion) if name else None
        stream: Any = self.stderr._out  # the wrapper ends every write with a newline
        show_guesses(suggestion, stream)
        if output:
            _write(Path(output), text)
        else:
            self.stdout.write(text, ending="")
        if mapping:
            self.stderr.write(f'Kept as "{mapping}": manage.py create_import {mapping.spec_name} {source}')


def _model_called(label: str) -> type[models.Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        from difflib import get_close_matches

        labels = [model._meta.label for model in apps.get_models()]
        by_fold = {each.casefold(): each for each in labels}
        nearest = get_close_matches(label.casefold(), by_fold, n=1)
        hint = f' did you mean "{by_fold[nearest[0]]}"?' if nearest else " name it as app_label.Model."
        raise CommandError(f'There is no model "{label}";{hint}', returncode=2) from None


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f'The file "{path}" cannot be written: {error.strerror}.', returncode=2) from None
