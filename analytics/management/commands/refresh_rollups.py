from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.rollups.refresh import PATIENCE_SECONDS, STEP, AnotherTimeZone, rebuild, refresh


class Command(BaseCommand):
    help = "Counts what is new in the logs into the roll-ups. To be run every minute or so; any number may run at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--step", type=int, default=STEP, help=f"events per transaction (default: {STEP:,})"
        )
        parser.add_argument(
            "--patience",
            type=float,
            default=PATIENCE_SECONDS,
            help=f"seconds to wait for transactions that still write (default: {PATIENCE_SECONDS:g})",
        )
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="forget the roll-ups first, and with them what has been deleted from the logs",
        )

    def handle(self, *, step: int, patience: float, rebuild: bool, **options: Any) -> None:
        if rebuild:
            forget_and_tell(self)
        try:
            done = refresh(step=max(1, step), patience=max(0.0, patience))
        except AnotherTimeZone as error:
            raise CommandError(str(error)) from None
        for log in done:
            rest = (
                ""
                if log.is_complete
                else "; a transaction that writes into it is still open, so the rest is for the next time"
            )
            self.stdout.write(f"{log.log}: {log.events:,} counted{rest}")


def forget_and_tell(command: Command) -> None:
    rebuild()
    command.stdout.write("The roll-ups are empty; what is in the logs is counted anew.")
