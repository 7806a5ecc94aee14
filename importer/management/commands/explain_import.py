import shutil
from typing import Any

from django.core.management.base import CommandParser

from importer.gather.fitness import how_workers_share
from importer.management.command import ImporterCommand
from importer.management.listing import ask_for_spec
from importer.management.refusals import refusals_in_one_line
from importer.specs.compile import compile_mapping, usual_columns
from importer.specs.registry import get_spec
from importer.specs.spec import ModelImport
from importer.validate.explain import explain, labelled

# Characters in a line. In a pipe, each statement is one line, for grep.
NARROWEST, WIDEST = 80, 120


class Command(ImporterCommand):
    help = "Explain which lane each field of a spec takes, what would be faster, and how records are written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("spec", nargs="?", help="default: list the specs")

    def handle(self, *, spec: str | None, **_: Any) -> None:
        if spec is None:
            ask_for_spec(self, "SPEC")
        with refusals_in_one_line(returncode=2):
            found = get_spec(spec)
            width = _width() if self.stdout.isatty() else None
            self.stdout.write(explain(found, width))
            self.stdout.write(labelled("workers", _workers(found), width))


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)


def _workers(spec: type[ModelImport]) -> str:
    mapping = compile_mapping(spec, usual_columns(spec), spec.options.dialect.as_dict())
    return how_workers_share(mapping)
