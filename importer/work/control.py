"""Carries wishes to a worker (stop, take less memory), and its progress back."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

IDLE_SECONDS = 0.2


class Control:
    """Flags that signal handlers, other threads and the database may raise; read between batches."""

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
        """Nothing to do just now. The ledger answered, which is progress too."""
        self.progressed_at = time.monotonic()
        self.after_batch(0)
        self.wait(IDLE_SECONDS)

    def after_batch(self, records: int) -> None:
        """A batch was committed, with this size. May raise what ends the run (a threshold)."""
        if records:
            self.progressed_at = time.monotonic()
        if self._after_batch:
            self._after_batch(records)


@contextlib.contextmanager
def stopping_on_signals(control: Control) -> Iterator[None]:
    """The first SIGTERM or Ctrl-C lets the batches in hand finish; a second one ends at once."""
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
