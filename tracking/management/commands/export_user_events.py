import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from tracking.management.users import user_named
from tracking.privacy.personal_data import export_of
from tracking.privacy.private_file import private_file


class Command(BaseCommand):
    help = "Export all rows about a user, one JSON object per line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the name that the user signs in with")
        parser.add_argument(
            "--output", type=Path, help="the file to write, readable only by you (default: standard output)"
        )

    def handle(self, *, user: str, output: Path | None, **options: Any) -> None:
        person = user_named(user)
        lines = (
            json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n" for row in export_of(person)
        )
        if output is None:
            sys.stdout.writelines(lines)
            return
        try:
            with private_file(output) as file:
                file.writelines(lines)
        except OSError as error:
            raise CommandError(f'"{output}" cannot be written: {error.strerror}.') from None
        self.stdout.write(f"Wrote {output}.")
