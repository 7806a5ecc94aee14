"""The objects of a batch of JSON lines, and their columns, which become more where they have keys of their own."""

from typing import Any

import polars as pl

from importer.conf import conf
from importer.parse.typed import as_text
from importer.records import Batch, Position, Rejection

# Columns that the plan does not know get a tenth of the cells of a batch.
NEW_COLUMNS_PART = 10

Record = dict[str, Any]


class Taken:
    """What a batch has so far."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = dict.fromkeys(columns)
        self.planned = len(self.columns)
        self.widest = max(conf.MAX_COLUMNS, len(columns))
        # Those of the plan are in `limit` already; the others are empty but for a few.
        self.new_cells = conf.BATCH_MAX_CELLS // NEW_COLUMNS_PART
        self.records: list[Record] = []
        self.numbers: list[int] = []
        self.rejections: list[Rejection] = []

    def add(self, record: Record | Rejection, line: int) -> bool:
        """False: it belongs to the next batch, since this one would have too many columns or cells."""
        if isinstance(record, Rejection):
            self.rejections.append(record)
            return True
        wider = self.columns
        if not wider.keys() >= record.keys():
            wider = wider | dict.fromkeys(record)
        new = len(wider) - self.planned
        if (
            new
            and self.records
            and (len(wider) > self.widest or new * (len(self.records) + 1) > self.new_cells)
        ):
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
