from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.rollups import refresh as rollups
from analytics.rollups.refresh import PATIENCE_SECONDS, STEP


class Command(BaseCommand):
    help = (
        "Count the new events of the logs into the roll-ups. Run it every minute; any number may run at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--step", type=int, default=STEP, help=f"events per transaction (default: {STEP:,})"
        )
        parser.add_argument(
            "--patience",
            type=float,
            default=PATIENCE_SECONDS,
            help=f"seconds to wait for open transactions that write (default: {PATIENCE_SECONDS:g})",
        )
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="empty the roll-ups first; counts of events that were deleted from the logs are lost",
        )

    def handle(self, *, step: int, patience: float, rebuild: bool, **options: Any) -> None:
        if rebuild:
            rollups.rebuild()
            self.stdout.write("Emptied the roll-ups. Recounting the logs.")
        try:
            refreshed = rollups.refresh(step=max(1, step), patience=max(0.0, patience))
        except rollups.AnotherTimeZone as error:
            raise CommandError(str(error)) from None
        for log in refreshed:
            rest = (
                ""
                if log.is_complete
                else "; a transaction that writes into it is open: the next run counts the rest"
            )
            self.stdout.write(f"{log.log}: counted {log.events:,} events{rest}")
