"""Keeps one client for each event loop and alias, because a connection belongs to the loop that opened it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

Clients = dict[str, Any]

_kept: dict[asyncio.AbstractEventLoop, tuple[Clients, AsyncGenerator[None, None]]] = {}


async def client_of_loop(name: str, connect: Callable[[], Any]) -> Any:
    """Returns the running loop's client of this name; calls `connect` for the first one."""
    loop = asyncio.get_running_loop()
    if loop not in _kept:
        _forget_closed_loops()
        clients: Clients = {}
        keeper = _keeper(loop, clients)
        _kept[loop] = clients, keeper
        await anext(keeper)
    clients, _ = _kept[loop]
    if name not in clients:
        clients[name] = connect()
    return clients[name]


async def _keeper(loop: asyncio.AbstractEventLoop, clients: Clients) -> AsyncGenerator[None, None]:
    """Closes the clients when the loop ends its asynchronous generators.

    `asyncio.run` does that just before it closes the loop: the last moment at which connections can be closed.
    """
    try:
        yield
    finally:
        _kept.pop(loop, None)
        for client in clients.values():
            await client.aclose()


def _forget_closed_loops() -> None:
    """Drops loops that were closed without ending their generators.

    Weak references would not help: connections refer to their loop.
    """
    for loop in list(_kept):
        if loop.is_closed():
            _kept.pop(loop, None)
