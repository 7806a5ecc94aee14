"""Single flight: of many callers that miss one key in a process, one loads and the others wait for what it brings."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Nobody waits longer for somebody else's load than this, and then loads on their own.
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Flight:
    landed: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    is_good: bool = False


_flights: dict[str, Flight] = {}
_lock = threading.Lock()


def single_flight(name: str, load: Callable[[], Any]) -> tuple[Any, bool]:
    """The value, and whether it was loaded here. What the loader raises, its own caller gets; the others try again."""
    while True:
        with _lock:
            flight = _flights.get(name)
            leads = flight is None
            if flight is None:
                flight = _flights[name] = Flight()
        if leads:
            return _lead(name, flight, load), True
        if not flight.landed.wait(PATIENCE_SECONDS):
            return load(), True
        if flight.is_good:
            return flight.value, False


def _lead(name: str, flight: Flight, load: Callable[[], Any]) -> Any:
    try:
        flight.value = load()
        flight.is_good = True
        return flight.value
    finally:
        with _lock:
            _flights.pop(name, None)
        flight.landed.set()
