"""Collects the objects of a batch of JSON lines, and the columns that their new keys add."""

from bisect import bisect
from collections.abc import Sequence
from typing import Any

import polars as pl

from importer.batches import Batch
from importer.conf import conf
from importer.parse.typed import as_text
from importer.records import Position, Rejection

# Columns that are not in the plan get one tenth of a batch's cells.
NEW_COLUMNS_PART = 10

Record = dict[str, Any]


class Collected:
    """The records, columns and rejections of a batch so far.

    plain  the lines of other records, which have no new columns
    """

    def __init__(self, columns: list[str], plain: Sequence[int] = ()) -> None:
        self.plain = plain
        self.columns = dict.fromkeys(columns)
        self.planned = len(self.columns)
        self.widest = max(conf.MAX_COLUMNS, len(columns))
        # The caller's `limit` counts the planned columns. New ones are mostly empty.
        self.new_cells = conf.BATCH_MAX_CELLS // NEW_COLUMNS_PART
        self.records: list[Record] = []
        self.numbers: list[int] = []
        self.rejections: list[Rejection] = []

    def add(self, record: Record | Rejection, line: int) -> bool:
        """Add a record. False: it belongs to the next batch, because this one would get too many columns or cells."""
        if isinstance(record, Rejection):
            self.rejections.append(record)
            return True
        wider = self.columns
        if not wider.keys() >= record.keys():
            wider = wider | dict.fromkeys(record)
        if new := len(wider) - self.planned:
            before = len(self.records) + bisect(self.plain, line)
            if before and (len(wider) > self.widest or new * (before + 1) > self.new_cells):
                return False
        self.columns = wider
        self.records.append(record)
        self.numbers.append(line)
        return True

    def batch(self, start: Position, end: Position) -> Batch:
        texts = pl.DataFrame(
            {name: _texts([record.get(name) for record in self.records]) for name in self.columns},
            schema=dict.fromkeys(self.columns, pl.String()),
        )
        return Batch(texts, pl.Series(self.numbers, dtype=pl.Int64), start, end, self.rejections)


def _texts(values: list[Any]) -> list[str | None]:
    return [value if value is None or type(value) is str else as_text(value) for value in values]
