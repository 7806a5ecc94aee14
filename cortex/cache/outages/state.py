"""Keeps what this process knows about each Redis in an outage: breaker, journal and outbox, in one registry."""

import threading
from dataclasses import dataclass

from cortex.cache.outages.breaker import Breaker
from cortex.cache.outages.copies import forget_copies
from cortex.cache.outages.journal import Journal
from cortex.cache.outages.outbox import Outbox


@dataclass(slots=True)
class OutageState:
    """The state of one server in one process. `outbox`: None until an alias with the option OUTBOX uses the server."""

    breaker: Breaker
    journal: Journal
    outbox: Outbox | None = None


_states: dict[str, OutageState] = {}
_registry = threading.Lock()


def state_of(server: str, *, with_outbox: bool = False) -> OutageState:
    """Returns the state of a server, created on first use. `with_outbox` also opens its outbox, for all its aliases.

    One for each server and process, because cache objects come and go with each thread and request.
    """
    state = _states.get(server)
    if state is not None and (state.outbox is not None or not with_outbox):
        return state  # every command comes this way: do not take the lock
    with _registry:
        state = _states.setdefault(server, OutageState(Breaker(server), Journal()))
        if with_outbox and state.outbox is None:
            state.outbox = Outbox(server)
        return state


def forget_outages() -> None:
    """Forgets all states and copies, as if the process had just started. For tests."""
    with _registry:
        _states.clear()
    forget_copies()
