"""Parquet: ranges of records; what lies outside of a range is skipped by the file's row groups."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.parse import Range
from importer.parse.typed import NONE, column_as_text
from importer.records import Batch, Position

# Damage may also make Polars panic, which Python does not count among the ordinary exceptions.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


class ParquetReader:
    """`name` is what messages call the file, where it is not the path's own."""

    def __init__(
        self, path: Path, *, json_columns: Mapping[str, frozenset[str]] = NONE, name: str = ""
    ) -> None:
        self.name = name or path.name
        self.json_columns = json_columns
        self._window: tuple[int, pl.DataFrame] | None = None
        try:
            self.frame = pl.scan_parquet(path, glob=False)
            self._columns = self.frame.collect_schema().names()
            self.records = int(self.frame.select(pl.len()).collect().item())
        except UNREADABLE as error:
            raise _refused(self.name, error) from None

    def close(self) -> None:
        self._window = None

    def columns(self) -> list[str]:
        return self._columns

    def ranges(self) -> Iterator[Range]:
        for start in range(0, self.records, conf.CHUNK_RECORDS):
            yield Range(start, min(start + conf.CHUNK_RECORDS, self.records), start + 1)

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        beginning, window = self._decoded(start.offset, end.end_offset)
        texts = window.slice(start.offset - beginning, limit).select(
            column_as_text(column, self.json_columns)
            for column in window.slice(start.offset - beginning, limit).iter_columns()
        )
        stop = start.offset + texts.height
        lines = pl.int_range(start.line, start.line + texts.height, eager=True)
        return Batch(texts, lines, start, Position(stop, start.line + texts.height))

    def _decoded(self, start: int, stop: int) -> tuple[int, pl.DataFrame]:
        """A range's records, decoded once: row groups are large, and cutting them anew for each batch would cost."""
        if self._window is None or not self._window[0] <= start < self._window[0] + self._window[1].height:
            try:
                self._window = start, self.frame.slice(start, stop - start).collect()
            except UNREADABLE as error:
                raise _refused(self.name, error) from None
        return self._window


def _refused(name: str, error: BaseException) -> SourceRefused:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return SourceRefused(f'The source "{name}" is not readable Parquet: {reason}.')
