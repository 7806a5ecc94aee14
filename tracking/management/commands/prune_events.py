import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tracking.upkeep.retention import PruningRefused, prune, rules


class Command(BaseCommand):
    help = "Delete rows older than TRACKING allows (LOGIN_EVENT_DAYS, ACTIVITY_DAYS, …), in small steps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--step", type=int, default=2_000, help="rows per statement (default: 2000)")

    def handle(self, *, step: int, **options: Any) -> None:
        is_refused = False
        for rule in rules():
            name = str(rule.model._meta.verbose_name_plural)
            if rule.days is None:
                self.stdout.write(f"{name}: kept forever")
                continue
            try:
                deleted = prune(rule, step=max(1, step))
            except PruningRefused as refusal:
                self.stderr.write(f"{refusal} None were deleted; run the command again later.")
                is_refused = True
                continue
            self.stdout.write(f"{name}: deleted {deleted:,} older than {rule.days} days")
        if is_refused:
            sys.exit(1)
