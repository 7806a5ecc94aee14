"""The Redis of an alias, asked so that nobody waits for it in vain: through the breaker, which finds out once for all.

Before a breaker closes, what was lost meanwhile is made up for.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.db import connections
from redis.exceptions import MaxConnectionsError, RedisError

from cortex.cache import statistics as stats
from cortex.cache.outages.breaker import OUTAGES, Breaker, breaker_of
from cortex.cache.outages.journal import Journal, journal_of
from cortex.cache.outages.outbox import Outbox, Rows, outbox_of
from cortex.cache.steps import Blocking, Command, Steps, take

logger = logging.getLogger("cortex.cache")

# What redis-py's own readers raise on an answer that is none to the question.
NONSENSE = (TypeError, ValueError, AttributeError, LookupError)


class Away(Exception):
    """Redis cannot answer, or will not."""


class NonsenseAnswer(Exception):
    """Whatever answers there, it does not keep to the protocol."""


class Server:
    """`connect` gives a client for threads. `has_outbox`: what this alias loses is put into the outbox."""

    def __init__(
        self, alias: str, address: str, connect: Callable[[], Any], *, has_outbox: bool = False
    ) -> None:
        self.alias = alias
        self.has_outbox = has_outbox
        self.address = address
        self.connect = connect
        self.was_read = False  # in this request

    @property
    def breaker(self) -> Breaker:
        return breaker_of(self.address)

    @property
    def journal(self) -> Journal:
        return journal_of(self.address)

    @property
    def outbox(self) -> Outbox | None:
        return outbox_of(self.address)

    def ask(self, *words: Any, label: str = "-", expects: type | None = None) -> Steps[Any]:
        """Redis' answer to one command. Raises Away."""
        if self.breaker.is_open:
            if self.breaker.takes_probe():
                self._start_probe()
            stats.statistics.count(self.alias, label, stats.BYPASS)
            raise Away
        try:
            answer = yield Command(words)
            if expects is not None and not isinstance(answer, expects):
                raise NonsenseAnswer(f"{words[0]} answered with {type(answer).__name__}")
            return answer
        except MaxConnectionsError:
            logger.error("More callers of Redis (%s) at once than its pool has connections.", self.alias)
        except (*OUTAGES, NonsenseAnswer, *NONSENSE) as error:
            self.breaker.report(error)
        except RedisError as error:
            logger.error("Redis refuses (%s): %s", self.alias, (str(error).splitlines() or [""])[0][:200])
        stats.statistics.count(self.alias, label, stats.ERROR)
        raise Away

    def several(self, names: list[str], *, label: str = "-") -> Steps[list[Any]]:
        """What stands under each of these names. Raises Away."""
        self.was_read = True
        if self.has_outbox and self.outbox is not None and not self.outbox.was_read:
            yield from self._replay_outbox(self.outbox, self.ask)
        answer: list[Any] = yield from self.ask("MGET", *names, label=label, expects=list)
        if len(answer) != len(names):
            self.breaker.report(NonsenseAnswer("MGET answered with something else"))
            raise Away
        return answer

    def report_counts(self) -> Steps[None]:
        """Add what this process has counted of the alias to what all have."""
        counts = stats.statistics.take(self.alias)
        if not counts:
            return
        try:
            yield from self.ask(*stats.added_up(self.alias, counts))
        except Away:
            stats.statistics.give_back(self.alias, counts)

    def figures(self) -> Steps[list[stats.Figures]]:
        """Nothing while Redis is away."""
        try:
            sums = yield from self.ask("HGETALL", f"{stats.KEY}:{self.alias}", expects=dict)
        except Away:
            return []
        return stats.figures_of(self.alias, sums)

    def note_lost(self, names: Iterable[str], *, everything: str) -> Steps[None]:
        """These could not be deleted, or written anew: what Redis has of them is out of date."""
        lost = list(names)
        for name in lost:
            self.journal.note_key(name, everything=everything)
        if self.has_outbox and self.outbox is not None:
            yield Blocking(partial(self.outbox.note, lost))

    def empty_outbox(self) -> Steps[None]:
        """At the end of a request that read from the alias: what other processes have left there."""
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
        logger.warning("%d keys that Redis had lost are made up for.", len(rows))
        outbox.look_soon()  # there may be more

    def _replay_outbox(self, outbox: Outbox, ask: Callable[..., Steps[Any]]) -> Steps[None]:
        """Raises what `ask` raises. The rows stay, since we may be within anybody's transaction, until the end of a
        request."""
        newest = 0
        while rows := (yield Blocking(partial(outbox.rows, after=newest))):
            yield from ask("UNLINK", *rows.values())
            newest = max(rows)
            outbox.look_soon()
        outbox.was_read = True

    def _start_probe(self) -> None:
        """In a thread of its own, so that no page waits for the answer, or for none."""
        try:
            threading.Thread(target=self._probe, name="cache-probe", daemon=True).start()
        except RuntimeError:  # there are too many threads: another time
            self.breaker.found_away()

    def _probe(self) -> None:
        is_well = False
        try:
            take(self._make_up(), self.connect())
            is_well = True
        except (*NONSENSE, RedisError):
            pass  # still away; or there, but not ready to be written to, which is no better
        finally:
            self.breaker.found_well() if is_well else self.breaker.found_away()
            if self.outbox is not None:
                connections.close_all()

    def _make_up(self) -> Steps[None]:
        """For all that was lost, if Redis is there. Raises what Redis raises."""
        yield Command(("PING",))
        for words in self.journal.replay():
            yield Command(words)
        if self.outbox is not None:
            yield from self._replay_outbox(self.outbox, _put)
            self.outbox.look_soon()


def _put(*words: Any) -> Steps[Any]:
    """A command past the breaker."""
    return (yield Command(words))
