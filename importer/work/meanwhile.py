"""Runs long statements in threads, on connections of their own, while the run keeps its hold on the job."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from django.db import connections

KEEP_SECONDS = 0.25

T = TypeVar("T")


def meanwhile(
    calls: Sequence[Callable[[], T]], *, alias: str, at_once: int, keep: Callable[[], None]
) -> list[T]:
    """Return the results of all calls, or raise what one raises. `keep` is called again and again meanwhile."""

    def run(call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            connections[alias].close()

    with ThreadPoolExecutor(max(1, at_once)) as pool:
        runs = [pool.submit(run, call) for call in calls]
        while wait(runs, timeout=KEEP_SECONDS).not_done:
            keep()
        return [each.result() for each in runs]
