"""The shape of all readers: ranges of a source, read batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from importer.models import ImportChunk
from importer.records import Batch, Position


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a source that begins and ends between two records."""

    start_offset: int
    end_offset: int
    first_line: int
    start_key: tuple[Any, ...] | None = None
    end_key: tuple[Any, ...] | None = None


class Reader(Protocol):
    def columns(self) -> list[str]:
        """The names of the source's columns. Raises SourceRefused where there are none to be had."""

    def ranges(self) -> Iterator[Range]:
        """Cut the whole source into ranges, by one sequential scan."""

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        """The records from `start`, at most `limit` and fewer where they are large; none at the range's end."""

    def close(self) -> None: ...


def chunk_range(chunk: ImportChunk) -> Range:
    return Range(
        chunk.start_offset,
        chunk.end_offset,
        chunk.first_line,
        _as_key(chunk.start_key),
        _as_key(chunk.end_key),
    )


def chunk_position(chunk: ImportChunk) -> Position:
    """Where the chunk goes on."""
    return Position(chunk.committed_offset, chunk.committed_line, _as_key(chunk.committed_key))


def _as_key(value: list[Any] | None) -> tuple[Any, ...] | None:
    return None if value is None else tuple(value)
