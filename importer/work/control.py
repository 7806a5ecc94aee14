"""Carries requests to a worker (stop, use less memory) and its progress back."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

IDLE_SECONDS = 0.2


class Control:
    """Flags that signal handlers, other threads and the database may set. A worker reads them between batches."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.memory_is_short = False
        self.progressed_at = float("-inf")
        self._after_batch: Callable[[int], None] | None = None

    def on_batch(self, call: Callable[[int], None]) -> None:
        self._after_batch = call

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Sleep, unless asked to stop."""
        self._stop.wait(seconds)

    def idle(self) -> None:
        """Wait while no chunk is free. The ledger answered, which counts as progress."""
        self.progressed_at = time.monotonic()
        self.after_batch(0)
        self.wait(IDLE_SECONDS)

    def after_batch(self, records: int) -> None:
        """Note a committed batch of `records`. Raises what the callback raises to end the run (a threshold)."""
        if records:
            self.progressed_at = time.monotonic()
        if self._after_batch:
            self._after_batch(records)


@contextlib.contextmanager
def stopping_on_signals(control: Control) -> Iterator[None]:
    """Stop after the current batches on the first SIGTERM or Ctrl-C, and at once on the second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if control.stopping:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        control.stop()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
