"""Reads Parquet by ranges of records; row groups outside a range are skipped.

A file is decoded here only after `importer.parse.weigh` has decoded it within a memory limit, and only in the ranges
that it has cut.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from importer.batches import Batch
from importer.budget import Deadline, records_within, too_long
from importer.conf import conf
from importer.parse.reader import Range
from importer.parse.text_bytes import bytes_per_record
from importer.parse.typed import NONE, column_as_bytes, column_as_text
from importer.parse.weigh import UNREADABLE, Weighed, unreadable, weigh
from importer.records import RAW, Position, RecordError, Rejection
from importer.sources.local import open_file


@dataclass(frozen=True, slots=True)
class Window:
    """The decoded records of a range, and the bytes of each record as text."""

    start: int
    frame: pl.DataFrame
    sizes: pl.Series


class ParquetReader:
    """Reads a Parquet file. `name` is its name in messages (or the path's). With `columns` it is not weighed again."""

    def __init__(
        self,
        path: Path,
        *,
        deadline: Deadline,
        columns: list[str] | None = None,
        json_columns: Mapping[str, frozenset[str]] = NONE,
        bytes_columns: frozenset[str] = frozenset(),
        name: str = "",
    ) -> None:
        self.name = name or path.name
        self.json_columns = json_columns
        self.bytes_columns = bytes_columns
        self._window: Window | None = None
        self.file = open_file(path)
        # The file that we have opened, not one that has taken its name since.
        itself = Path(f"/proc/self/fd/{self.file.fileno()}")
        self.path = str(itself if itself.exists() else path)
        try:
            self._weighed = self._weigh(deadline) if columns is None else Weighed(columns, [])
            # One column after the other, because each needs its own buffers.
            self.frame = pl.scan_parquet(self.path, glob=False, parallel="none")
            self.size_of = bytes_per_record(self.frame.collect_schema())
        except UNREADABLE as error:
            self.close()
            raise unreadable(self.name, error) from None
        except BaseException:
            self.close()
            raise

    def _weigh(self, deadline: Deadline) -> Weighed:
        return weigh(self.path, self.file.fileno(), name=self.name, deadline=deadline)

    def close(self) -> None:
        self._window = None
        self.file.close()

    def columns(self) -> list[str]:
        return self._weighed.columns

    def ranges(self) -> Iterator[Range]:
        for start, stop in self._weighed.ranges:
            yield Range(start, stop, start + 1)

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        window = self._decoded(start.offset, end.end_offset)
        offset = start.offset - window.start
        number = _fitting(window.sizes, offset, records_within(self.columns(), limit))
        frame, sizes = window.frame.slice(offset, number), window.sizes.slice(offset, number)
        lines = pl.int_range(start.line, start.line + frame.height, eager=True)
        end_of_batch = Position(start.offset + frame.height, start.line + frame.height)
        is_short = sizes <= conf.MAX_RECORD_BYTES
        long = zip(lines.filter(~is_short), sizes.filter(~is_short), strict=True)
        rejections = [_too_long(line, size) for line, size in long]
        if rejections:
            frame, lines = frame.filter(is_short), lines.filter(is_short)
        texts = frame.select(self._as_text(column) for column in frame.iter_columns())
        return Batch(texts, lines, start, end_of_batch, rejections)

    def _as_text(self, column: pl.Series) -> pl.Series:
        if column.name in self.bytes_columns and _innermost(column.dtype) == pl.Binary:
            return column_as_bytes(column)
        return column_as_text(column, self.json_columns)

    def _decoded(self, start: int, stop: int) -> Window:
        """Return the range's records, decoded once: decoding large row groups for each batch would cost time."""
        window = self._window
        if window is None or not window.start <= start < window.start + window.frame.height:
            self._window = None  # never two in memory
            try:
                frame = self.frame.slice(start, stop - start).collect()
                sizes = frame.select(self.size_of.alias("")).to_series()
            except UNREADABLE as error:
                raise unreadable(self.name, error) from None
            window = self._window = Window(start, frame, sizes)
        return window


def _innermost(kind: Any) -> Any:
    while isinstance(kind, pl.List | pl.Array):
        kind = kind.inner
    return kind


def _fitting(sizes: pl.Series, offset: int, limit: int) -> int:
    """Return how many records from `offset` on fit into a batch: at least one. Records that are too long count as 0."""
    bounded = sizes.slice(offset, limit)
    totals = bounded.set(bounded > conf.MAX_RECORD_BYTES, 0).cum_sum()
    return max(1, int(totals.search_sorted(conf.BATCH_MAX_BYTES, side="right")))


def _too_long(line: int, size: int) -> Rejection:
    error = RecordError("", "record_too_long", too_long(size))
    return Rejection(line, {RAW: ""}, (error,))
