"""Defines the interface of remote files in any store."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class State:
    """Identifies one state of a remote file.

    size      bytes
    mark      an ETag or a time as text; "" if the store has neither
    mtime_ns  time of the last change; None: unknown
    """

    size: int
    mark: str
    mtime_ns: int | None = None


class Remote(Protocol):
    """A remote file."""

    def state(self) -> State:
        """Return the current state. Raises SourceRefused if the file does not exist or cannot be read."""

    def blocks(self, state: State) -> Iterator[bytes]:
        """Yield the bytes of the file in that state. Raises SourceRefused, and SourceChanged if the state is gone."""
