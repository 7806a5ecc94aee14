from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from tracking.upkeep.predecessors import PREDECESSORS, read, tables_of, write


class Command(BaseCommand):
    help = "Import events that another package recorded. Run it again to add only new rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="source", required=True, choices=sorted(PREDECESSORS))

    def handle(self, *, source: str, **options: Any) -> None:
        tables = tables_of(source)
        if not tables:
            names = ", ".join(table.name for table in PREDECESSORS[source])
            raise CommandError(f'Found no table of "{source}" in the database: looked for {names}.')
        for table in tables:
            read_rows = added = 0
            try:
                for rows in read(table):
                    read_rows += len(rows)
                    added += write(rows)
            except (DatabaseError, KeyError) as error:
                reason = " ".join(str(error).split())
                raise CommandError(
                    f"{table.name}: imported {added:,} rows, then failed: {reason}. Run the same command again."
                ) from None
            present = read_rows - added
            self.stdout.write(f"{table.name}: imported {added:,} rows, {present:,} were already present.")
