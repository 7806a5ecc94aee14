"""What the cache does, as steps that somebody else takes: a thread (`take`) or an event loop (`take_async`).

So each method is written once, for `get` as for `aget`, and none of it knows which of the two it is: it yields a step
and gets its outcome, or has raised what went wrong. https://sans-io.readthedocs.io
"""

import asyncio
import inspect
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from asgiref.sync import sync_to_async

from cortex.cache.flight import async_single_flight, single_flight

T = TypeVar("T")


@dataclass(slots=True)
class Command:
    """To be put to Redis: `("SET", name, value)`."""

    words: tuple[Any, ...]


@dataclass(slots=True)
class Load:
    """The caller's own function; a coroutine function too where an event loop takes the step."""

    loader: Callable[[], Any]


@dataclass(slots=True)
class Pause:
    seconds: float


@dataclass(slots=True)
class Blocking:
    """What must not be called on an event loop, such as the database."""

    call: Callable[[], Any]


@dataclass(slots=True)
class Share:
    """Steps that are taken once for all who wish for the same. Their value, and whether they were taken here."""

    name: str
    steps: "Callable[[], Steps[Any]]"


Step: TypeAlias = Command | Load | Pause | Blocking | Share
Steps: TypeAlias = Generator[Step, Any, T]


def take(steps: Steps[T], redis: Any) -> T:
    outcome: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = steps.send(outcome) if error is None else steps.throw(error)
        except StopIteration as end:
            return end.value
        try:
            outcome, error = _outcome(step, redis), None
        except BaseException as raised:
            error = raised


def _outcome(step: Step, redis: Any) -> Any:
    match step:
        case Command(words):
            return redis.execute_command(*words)
        case Load(loader):
            return loader()
        case Pause(seconds):
            return time.sleep(seconds)
        case Blocking(call):
            return call()
        case Share(name, steps):
            return single_flight(name, lambda: take(steps(), redis))


async def take_async(steps: Steps[T], redis: Any) -> T:
    outcome: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = steps.send(outcome) if error is None else steps.throw(error)
        except StopIteration as end:
            return end.value
        try:
            outcome, error = await _async_outcome(step, redis), None
        except GeneratorExit:
            steps.close()  # this coroutine is thrown away half-way, with its loop: nothing can be awaited any more
            raise
        except BaseException as raised:  # a cancellation too: a lock that was taken is given back
            error = raised


async def _async_outcome(step: Step, redis: Any) -> Any:
    match step:
        case Command(words):
            return await redis.execute_command(*words)
        case Load(loader):
            value = loader()
            return await value if inspect.isawaitable(value) else value
        case Pause(seconds):
            return await asyncio.sleep(seconds)
        case Blocking(call):
            return await sync_to_async(call)()
        case Share(name, steps):
            return await async_single_flight(name, lambda: take_async(steps(), redis))
