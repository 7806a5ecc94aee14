from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from importer.management.refusals import refusals_in_one_line
from importer.specs.registry import get_spec
from importer.validate.explain import explain


class Command(BaseCommand):
    help = "Explain which lane each field of a spec takes, and how records are written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("spec")

    def handle(self, *, spec: str, **_: Any) -> None:
        with refusals_in_one_line(returncode=2):
            self.stdout.write(explain(get_spec(spec)))
