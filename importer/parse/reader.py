"""Defines the interface of all readers: they cut a source into ranges and read them batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from importer.conf import MEGABYTE, conf
from importer.models import ImportChunk
from importer.records import Position

if TYPE_CHECKING:
    from importer.batches import Batch

# Used before the first batch is measured. A low guess costs a second read, a high one only memory.
ASSUMED_RECORD_BYTES = 150
# Chunks of a source that several workers are going to share for a while.
LARGE = 8
# Bytes at the beginning of a file that tell how it is written.
SAMPLE_BYTES = MEGABYTE


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a source that begins and ends between two records.

    start_offset, end_offset  bytes (text files) or records (Parquet, tables); `end_offset` is excluded
    first_line                number of the first record's line, from 1; in sources without lines, of the record
    end_line                  number of the line behind the last one; None: as many lines as offsets
    start_key, end_key        keys of a table's range: after `start_key`, up to and including `end_key`
    """

    start_offset: int
    end_offset: int
    first_line: int
    start_key: tuple[Any, ...] | None = None
    end_key: tuple[Any, ...] | None = None
    end_line: int | None = None


class Reader(Protocol):
    """Reads one source. It is used by one thread."""

    def columns(self) -> list[str]:
        """Return the names of the source's columns. Raises SourceRefused if it has none that can be read."""

    def ranges(self) -> Iterator[Range]:
        """Cut the whole source into ranges, in one sequential scan. Raises SourceRefused."""

    def read(self, start: Position, end: Range, *, limit: int) -> "Batch":
        """Read the batch from `start`: at most `limit` records, fewer if they are large, none at the range's end.

        Raises SourceChanged if the source has more records than were planned (tables).
        """

    def close(self) -> None:
        """Close the reader's file."""


def bytes_of_range(offset: int, size: int) -> int:
    """Return how many bytes the range from `offset` should have, in a source of `size` bytes.

    The last ranges of a large source are small. So no worker has much left to do when the others find nothing more.
    """
    is_near_the_end = size > LARGE * conf.CHUNK_BYTES and size - offset <= 2 * conf.CHUNK_BYTES
    return min(size - offset, max(1, conf.CHUNK_BYTES // 4) if is_near_the_end else conf.CHUNK_BYTES)


def chunk_range(chunk: ImportChunk) -> Range:
    return Range(
        chunk.start_offset,
        chunk.end_offset,
        chunk.first_line,
        _as_key(chunk.start_key),
        _as_key(chunk.end_key),
    )


def chunk_position(chunk: ImportChunk) -> Position:
    """Return the position at which the chunk continues."""
    return Position(chunk.committed_offset, chunk.committed_line, _as_key(chunk.committed_key))


def _as_key(value: list[Any] | None) -> tuple[Any, ...] | None:
    return None if value is None else tuple(value)
