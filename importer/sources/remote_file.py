"""The shape of remote files, whatever store they are in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class State:
    """What tells one state of a remote file from another. `mark` is an ETag or a time; "" where there is neither."""

    size: int
    mark: str
    mtime_ns: int | None = None


class Remote(Protocol):
    def state(self) -> State:
        """As it is now. Raises SourceRefused where it is not there, or must not or cannot be asked for."""

    def blocks(self, state: State) -> Iterator[bytes]:
        """Its bytes, as they were in that state. Raises SourceRefused, SourceChanged."""
