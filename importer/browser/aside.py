"""Does work within a request: in a thread of its own, and for some seconds at most."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connections

from importer.conf import conf
from importer.work.control import Control

Answer = TypeVar("Answer")


def in_a_thread(work: Callable[[Control], Answer]) -> Answer:
    """Return what the work returns, and raise what it raises. Its control stops it after INLINE_SECONDS.

    A thread: a run has signal handlers of its own, and the server needs its; a run holds locks of its session, and its
    transactions must not be part of the request's.
    """

    def call() -> Answer:
        try:
            with _stopped_in_time() as control:
                return work(control)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="import") as threads:
        return threads.submit(call).result()


@contextmanager
def _stopped_in_time() -> Iterator[Control]:
    control = Control()
    timer = threading.Timer(conf.INLINE_SECONDS, control.stop)
    timer.daemon = True
    timer.start()
    try:
        yield control
    finally:
        timer.cancel()
