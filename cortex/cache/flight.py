"""Lets one caller of a process load a missing key while the others wait for its result (single flight).

Threads wait for threads, and coroutines for coroutines of their own loop. Between the two, as between processes, the
lock in Redis decides who loads.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

# A caller waits so long for another caller's load, then loads itself.
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Flight:
    landed: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    is_good: bool = False


_flights: dict[str, Flight] = {}
_lock = threading.Lock()


def single_flight(name: str, load: Callable[[], Any]) -> tuple[Any, bool]:
    """Returns the value, and whether this caller loaded it. An error of the loader reaches only the caller that ran
    it; the others try again."""
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


_async_flights: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Future[Any]] = {}


async def async_single_flight(name: str, load: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
    """Does what `single_flight` does, for coroutines. If the loading one is cancelled, the others try again."""
    loop = asyncio.get_running_loop()
    while (flight := _async_flights.get((loop, name))) is not None:
        done, _ = await asyncio.wait([flight], timeout=PATIENCE_SECONDS)
        if not done:
            return await load(), True
        if not flight.cancelled():
            return flight.result(), False
    flight = _async_flights[loop, name] = loop.create_future()
    try:
        value = await load()
        flight.set_result(value)
        return value, True
    finally:
        del _async_flights[loop, name]
        flight.cancel()  # has no effect once the result is set
