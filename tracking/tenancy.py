"""Keeps what a process remembers apart for each tenant of django-tenants, whose tables are in a schema of its own."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from django.db import connections

from tracking.models import database

# The schema of the request's tenant, for code in an event loop: connections belong to threads, and the loop's has none.
_schema_of_request: contextvars.ContextVar[str] = contextvars.ContextVar("tracking_schema", default="")
# Tenants remembered by a process. When there are more, it forgets all of them; that costs queries, and no event.
MOST_TENANTS = 1_000


def schema() -> str:
    """Return the schema whose tables are in use; "" without django-tenants or a package with the same attribute."""
    if asyncio._get_running_loop() is not None:
        return _schema_of_request.get()
    return getattr(connections[database()], "schema_name", None) or ""


def enter(request: Any) -> contextvars.Token[str]:
    """Remember the schema of a request's tenant until the token is given to `leave`."""
    return _schema_of_request.set(getattr(getattr(request, "tenant", None), "schema_name", "") or "")


leave = _schema_of_request.reset


class Forgetful(Protocol):
    def forget(self) -> None: ...


T = TypeVar("T", bound=Forgetful)


class ByTenant(Generic[T]):
    """One object for each tenant; `here` is that of the schema in use."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[str, T] = {}

    @property
    def here(self) -> T:
        name = schema()
        made = self._made.get(name)
        if made is None:
            if len(self._made) >= MOST_TENANTS:
                self._made.clear()
            made = self._made.setdefault(name, self._make())
        return made

    def forget(self) -> None:
        for made in list(self._made.values()):
            made.forget()
