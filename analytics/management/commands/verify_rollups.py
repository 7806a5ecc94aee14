import datetime as dt
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.rollups.refresh import AnotherTimeZone
from analytics.rollups.verify import Verified, verify

MOST_SHOWN = 20


class Command(BaseCommand):
    help = "Compare the roll-ups with the events they were made of. Exits with 1 if they differ and are not repaired."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="recount the days that differ")
        parser.add_argument("--since", type=dt.date.fromisoformat, help="the first day, as YYYY-MM-DD")
        parser.add_argument("--until", type=dt.date.fromisoformat, help="the last day, as YYYY-MM-DD")

    def handle(self, *, repair: bool, since: dt.date | None, until: dt.date | None, **options: Any) -> None:
        try:
            logs = verify(since=since, until=until, repair=repair)
        except AnotherTimeZone as error:
            raise CommandError(str(error)) from None
        for log in logs:
            self.print_log(log, repair)
        if any(log.differences for log in logs) and not repair:
            self.stdout.write("Run `manage.py verify_rollups --repair` to recount what differs.")
            sys.exit(1)

    def print_log(self, log: Verified, repair: bool) -> None:
        if log.first is None and not log.events and not log.differences:
            self.stdout.write(f"{log.log}: nothing to compare")
            return
        days = f"{log.events:,} events"
        if log.first is not None:
            days = f"{log.first} to {log.last}, {days}"
        if not log.differences:
            self.stdout.write(f"{log.log}: equal ({days})")
            return
        self.stdout.write(
            f"{log.log}: {len(log.differences)} differences{', repaired' if repair else ''} ({days})"
        )
        for difference in log.differences[:MOST_SHOWN]:
            self.stdout.write(
                f"  {difference.table} of {difference.resolution} {difference.bucket}: "
                f"{difference.counted:,} counted, {difference.true:,} expected"
            )
        if len(log.differences) > MOST_SHOWN:
            self.stdout.write(f"  and {len(log.differences) - MOST_SHOWN} more")
