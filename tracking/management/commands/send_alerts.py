import signal
import threading
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import close_old_connections

from tracking.delivery.outbox import make_pass, switched_on

# Between two passes of --forever.
PAUSE_SECONDS = 5.0
OUTCOMES = {"sent": "sent", "pending": "to be retried", "failed": "given up", "skipped": "not needed"}


class Command(BaseCommand):
    help = "Send alerts by mail and webhook, as TRACKING says. Any number may run at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--forever", action="store_true", help=f"continue every {PAUSE_SECONDS:.0f} seconds until SIGTERM"
        )

    def handle(self, *, forever: bool, **options: Any) -> None:
        if not switched_on():
            make_pass()  # forgets channels that were switched off
            self.stdout.write(
                "Alerts are sent to nobody: set ALERT_MAIL, ALERT_WEBHOOK_URL or NEW_DEVICE_MAIL."
            )
            return
        if not forever:
            self.stdout.write(_said(make_pass()) or "No alert was due.")
            return
        self._repeat()

    def _repeat(self) -> None:
        stop = threading.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                if said := _said(make_pass()):
                    self.stdout.write(said)
            except DatabaseError as error:
                self.stderr.write(f"Waiting to retry: {' '.join(str(error).split())}")
            close_old_connections()
            stop.wait(PAUSE_SECONDS)
        self.stdout.write("Stopped.")


def _said(counts: Counter[tuple[str, str]]) -> str:
    return "\n".join(
        f"{channel}: {number:,} {OUTCOMES[state]}" for (channel, state), number in sorted(counts.items())
    )
