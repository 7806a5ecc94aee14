"""Defines cache operations as generators that threads and event loops share.

An operation is a generator: it yields a step, and receives the step's outcome or the exception that it raised. So each
operation is written once, for `get` and for `aget`, and does not know who executes it. https://sans-io.readthedocs.io

Worked example, `caches["users"].get("users:42:profile")`. The generators nest, and none of them talks to Redis:

    backend.get             take(entries.get(key, …), redis)
      entries.get             yield from _fresh(key, …)         Away: return the default
        entries._fresh          yield from read(key, …)           an expired value counts as missing
          entries.read            yield from server.several(names)  the key, and the stamps of "", "users", "users:42"
            server.several          yield from ask("MGET", *names)    sessions only: replay the outbox first
              server.ask              answer = yield Command(("MGET", …))   an open breaker: raise Away instead

`take` is the one that acts:

    step = steps.send(None)                           runs down to the `yield` in server.ask; step is the Command
    outcome = redis.execute_command(*step.words)      [data, stamp, stamp, stamp]
    steps.send(outcome)                               outcome becomes `answer`, and everything returns upwards:
                                                      entries.read compares the stamps and makes an Envelope,
                                                      entries.get returns its value, which ends the generator:
    StopIteration.value                               the result of `get`

If Redis times out, `take` throws the TimeoutError into server.ask at its `yield`. server.ask opens the breaker and
raises Away, and entries.get returns the default. `aget` differs only in `take_async`, which awaits the command.
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
    """Sends a command to Redis, such as `("SET", name, value)`. The outcome is the reply."""

    words: tuple[Any, ...]


@dataclass(slots=True)
class Load:
    """Calls the site's loader; on an event loop it may be a coroutine function. The outcome is its value."""

    loader: Callable[[], Any]


@dataclass(slots=True)
class Pause:
    seconds: float


@dataclass(slots=True)
class Blocking:
    """Makes a call that must not run on an event loop, such as a query. The outcome is what it returns."""

    call: Callable[[], Any]


@dataclass(slots=True)
class Share:
    """Executes steps once for all simultaneous callers with the same `name`.

    The outcome is (their value, whether this caller executed them).
    """

    name: str
    steps: "Callable[[], Steps[Any]]"


Step: TypeAlias = Command | Load | Pause | Blocking | Share
Steps: TypeAlias = Generator[Step, Any, T]


def take(steps: Steps[T], redis: Any) -> T:
    """Executes the steps in this thread and returns their result. Raises what they raise."""
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
    """Executes the steps on the running event loop and returns their result. Raises what they raise."""
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
            steps.close()  # the loop is discarding this coroutine half-way: nothing can be awaited any more
            raise
        except BaseException as raised:  # a cancellation too, so that the steps can release their lock
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
