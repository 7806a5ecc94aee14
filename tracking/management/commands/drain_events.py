import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import close_old_connections

from tracking.conf import conf
from tracking.storage import spool
from tracking.storage.consumer import Consumer
from tracking.storage.write import replay_spool

# How long each read waits for new events; shorter than the client's own time-out.
BLOCK_MS = 100
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Command(BaseCommand):
    help = "Move events from the stream and the spool into the database. Any number may run at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="exit when no event is waiting")

    def handle(self, *, once: bool, **options: Any) -> None:
        replayed = replay_spool()
        if replayed or conf.WRITER != "stream":
            self.stdout.write(f"Wrote {replayed:,} spooled events.")
        if not spool.is_empty() and once:
            raise CommandError("Could not write the spooled events. See the log for the reason, then retry.")
        if conf.WRITER == "stream":
            self._drain_stream(once=once)

    def _drain_stream(self, *, once: bool) -> None:
        from redis.exceptions import RedisError

        stop = threading.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
        consumer: Consumer | None = None
        moved, began, pause = 0, time.monotonic(), FIRST_PAUSE
        while not stop.is_set():
            try:
                consumer = consumer or Consumer()
                batch = consumer.drain_batch(block_ms=None if once else BLOCK_MS)
            except (RedisError, DatabaseError) as error:
                reason = " ".join(str(error).split())
                if once:
                    raise CommandError(f"Wrote {moved:,} events, then failed: {reason}") from None
                self.stderr.write(f"Waiting to retry: {reason}")
                consumer = None
                close_old_connections()
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            moved += batch
            if once and not batch:
                break
        seconds = max(time.monotonic() - began, 0.001)
        self.stdout.write(f"Wrote {moved:,} streamed events, {moved / seconds:,.0f} per second.")
