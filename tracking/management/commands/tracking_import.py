from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from tracking.upkeep.predecessors import PREDECESSORS, read, tables_of, write


class Command(BaseCommand):
    help = "Takes over what another package recorded. Run again, it adds only what has come since."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="source", required=True, choices=sorted(PREDECESSORS))

    def handle(self, *, source: str, **options: Any) -> None:
        tables = tables_of(source)
        if not tables:
            names = ", ".join(table.name for table in PREDECESSORS[source])
            raise CommandError(f"There is none of the tables of {source} here ({names}).")
        for table in tables:
            seen = added = 0
            try:
                for rows in read(table):
                    seen += len(rows)
                    added += write(rows)
            except (DatabaseError, KeyError) as error:
                reason = " ".join(str(error).split())
                raise CommandError(
                    f"{table.name}: {added:,} rows taken over, then: {reason}. Run the same command again."
                ) from None
            self.stdout.write(f"{table.name}: {added:,} taken over, {seen - added:,} were there already.")
