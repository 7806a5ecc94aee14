import datetime as dt
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.rollups.refresh import AnotherTimeZone
from analytics.rollups.verify import Verified, verify

MOST_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Compares the roll-ups with the events they were made of. Ends with 1 where they differ and stay so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="count what differs anew")
        parser.add_argument("--since", type=dt.date.fromisoformat, help="the first day, as 2026-01-31")
        parser.add_argument("--until", type=dt.date.fromisoformat, help="the last day")

    def handle(self, *, repair: bool, since: dt.date | None, until: dt.date | None, **options: Any) -> None:
        try:
            found = verify(since=since, until=until, repair=repair)
        except AnotherTimeZone as error:
            raise CommandError(str(error)) from None
        for log in found:
            self.say(log, repair)
        if any(log.differences for log in found) and not repair:
            self.stdout.write("`manage.py verify_rollups --repair` counts what differs anew.")
            sys.exit(1)

    def say(self, log: Verified, repair: bool) -> None:
        if log.first is None:
            self.stdout.write(f"{log.log}: nothing to compare")
            return
        days = f"{log.first} to {log.last}, {log.events:,} events"
        if not log.differences:
            self.stdout.write(f"{log.log}: equal ({days})")
            return
        self.stdout.write(
            f"{log.log}: {len(log.differences)} differences{', repaired' if repair else ''} ({days})"
        )
        for difference in log.differences[:MOST_SHOWN]:
            self.stdout.write(
                f"  {difference.table} of {difference.resolution} {difference.bucket}: "
                f"{difference.counted:,} counted, {difference.true:,} true"
            )
        if len(log.differences) > MOST_SHOWN:
            self.stdout.write(f"  and {len(log.differences) - MOST_SHOWN} more")
