"""Sends commands to the Redis of an alias through its breaker, so that one caller finds an outage for all.

Before a breaker closes, the writes and invalidations that were lost meanwhile are repeated.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.db import connections
from redis.exceptions import MaxConnectionsError, RedisError

from cortex.cache import statistics as stats
from cortex.cache.outages.breaker import OUTAGES, Breaker
from cortex.cache.outages.journal import Journal
from cortex.cache.outages.outbox import Outbox, Rows, first_line
from cortex.cache.outages.state import OutageState, state_of
from cortex.cache.steps import Blocking, Command, Steps, take

logger = logging.getLogger("cortex.cache")

# Raised by redis-py when the reply does not match the command.
MALFORMED = (TypeError, ValueError, AttributeError, LookupError)


class Away(Exception):
    """Redis did not answer, or answered with an error. Callers go on without it."""


class MalformedReply(Exception):
    """The reply does not fit the command: the server does not speak the Redis protocol."""


class Server:
    """`address`: the URL without user and password. `connect` returns a client for threads.

    `has_outbox`: keys that this alias could not delete go into the outbox.
    """

    def __init__(
        self, alias: str, address: str, connect: Callable[[], Any], *, has_outbox: bool = False
    ) -> None:
        self.alias = alias
        self.has_outbox = has_outbox
        self.address = address
        self.connect = connect
        self.was_read = False  # in this request
        state_of(
            address, with_outbox=has_outbox
        )  # opens the outbox, which the server's other aliases replay too

    @property
    def outages(self) -> OutageState:
        return state_of(self.address, with_outbox=self.has_outbox)

    @property
    def breaker(self) -> Breaker:
        return self.outages.breaker

    @property
    def journal(self) -> Journal:
        return self.outages.journal

    @property
    def outbox(self) -> Outbox | None:
        """None if no alias on this server has the option OUTBOX."""
        return self.outages.outbox

    def ask(self, *words: Any, label: str = "-", expects: type | None = None) -> Steps[Any]:
        """Returns the reply to one command. Raises Away, also when the reply is not of the type `expects`."""
        if self.breaker.is_open:
            if self.breaker.claim_probe():
                self._start_probe()
            stats.statistics.count(self.alias, label, stats.BYPASS)
            raise Away
        try:
            answer = yield Command(words)
            if expects is not None and not isinstance(answer, expects):
                raise MalformedReply(f"{words[0]} answered with {type(answer).__name__}")
            return answer
        except MaxConnectionsError:
            logger.error("All connections in the pool of Redis (%s) are in use.", self.alias)
        except (*OUTAGES, MalformedReply, *MALFORMED) as error:
            self.breaker.report(error)
        except RedisError as error:
            logger.error("Redis rejects a command (%s): %s", self.alias, first_line(error))
        stats.statistics.count(self.alias, label, stats.ERROR)
        raise Away

    def several(self, names: list[str], *, label: str = "-") -> Steps[list[Any]]:
        """Returns the stored bytes for each name, None for a missing one. Raises Away."""
        self.was_read = True
        if self.has_outbox and self.outbox is not None and not self.outbox.was_read:
            yield from self._replay_outbox(self.outbox, self.ask)
        answer: list[Any] = yield from self.ask("MGET", *names, label=label, expects=list)
        if len(answer) != len(names):
            self.breaker.report(MalformedReply(f"MGET of {len(names)} keys returned {len(answer)} values"))
            raise Away
        return answer

    def report_counts(self) -> Steps[None]:
        """Adds this process's counts to the sums of all processes in Redis; keeps them while Redis is away."""
        counts = stats.statistics.take(self.alias)
        if not counts:
            return
        try:
            yield from self.ask(*stats.added_up(self.alias, counts))
        except Away:
            stats.statistics.give_back(self.alias, counts)

    def figures(self) -> Steps[list[stats.Figures]]:
        """Returns the sums of all processes, by group; [] while Redis is away."""
        try:
            sums = yield from self.ask("HGETALL", f"{stats.KEY}:{self.alias}", expects=dict)
        except Away:
            return []
        return stats.figures_of(self.alias, sums)

    def note_lost(self, names: Iterable[str], *, everything: str) -> Steps[None]:
        """Notes names that could not be deleted or rewritten: their values in Redis are outdated."""
        lost = list(names)
        for name in lost:
            self.journal.note_key(name, everything=everything)
        if self.has_outbox and self.outbox is not None:
            yield Blocking(partial(self.outbox.note, lost))

    def empty_outbox(self) -> Steps[None]:
        """Deletes keys that other processes noted. For the end of a request that read from this alias."""
        outbox = self.outbox
        if outbox is None or not self.was_read or self.breaker.is_open or not outbox.is_due():
            return
        rows: Rows = yield Blocking(outbox.rows)
        if not rows:
            return
        try:
            yield from self.ask("UNLINK", *rows.values(), expects=int)
        except Away:
            return
        yield Blocking(partial(outbox.forget, rows))
        logger.warning("Deleted %d keys in Redis that were noted during an outage.", len(rows))
        outbox.look_soon()  # there may be more

    def _replay_outbox(self, outbox: Outbox, ask: Callable[..., Steps[Any]]) -> Steps[None]:
        """Deletes the keys in the outbox. Raises what `ask` raises.

        The rows stay until the end of a request: deleting them here could lock them in the caller's transaction.
        """
        newest = 0
        while rows := (yield Blocking(partial(outbox.rows, after=newest))):
            yield from ask("UNLINK", *rows.values())
            newest = max(rows)
            outbox.look_soon()
        outbox.was_read = True

    def _start_probe(self) -> None:
        """Probes in a separate thread, so that no page waits for the reply."""
        try:
            threading.Thread(target=self._probe, name="cache-probe", daemon=True).start()
        except RuntimeError:  # too many threads: try again later
            self.breaker.stay_open()

    def _probe(self) -> None:
        is_well = False
        try:
            take(self._repeat_lost(), self.connect())
            is_well = True
        except (*MALFORMED, RedisError):
            pass  # still away, or available but read-only, which is no better
        finally:
            self.breaker.close() if is_well else self.breaker.stay_open()
            if self.outbox is not None:
                connections.close_all()

    def _repeat_lost(self) -> Steps[None]:
        """Repeats all lost invalidations, if Redis is there. Raises what redis-py raises."""
        yield Command(("PING",))
        for words in self.journal.replay():
            yield Command(words)
        if self.outbox is not None:
            yield from self._replay_outbox(self.outbox, _send)
            self.outbox.look_soon()


def _send(*words: Any) -> Steps[Any]:
    """Sends a command without asking the breaker."""
    return (yield Command(words))
