"""Defines the batches that stages hand on: as text, and as cleaned values."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl
from polars import selectors

from importer.records import Position, RecordError, Rejection


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records as text.

    texts       one column (String) per column of the source, one row per record
    lines       the first line of each record (Int64)
    start, end  the position before the first record and after the last one
    rejections  the records between `start` and `end` that could not be split into columns
    long_fields the first and last lines of records with a quoted field of very many lines
    """

    texts: pl.DataFrame
    lines: pl.Series
    start: Position
    end: Position
    rejections: Sequence[Rejection] = ()
    long_fields: Sequence[tuple[int, int]] = ()

    @property
    def size(self) -> int:
        """Records read, the rejected ones included."""
        return self.texts.height + len(self.rejections)


# Errors of records, by the record's number in its batch (from 0).
Errors = Mapping[int, Sequence[RecordError]]


@dataclass(frozen=True, slots=True)
class Links:
    """What a batch writes to one many-to-many field: record `number` and primary key of the `other` row, as text."""

    field: str
    pairs: pl.DataFrame

    def of(self, numbers: pl.Series) -> "Links":
        """Return the links of these records."""
        return Links(self.field, self.pairs.filter(pl.col("number").is_in(numbers.implode())))


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The values of a batch as text for PostgreSQL, one column per target, and the errors by record number.

    Records with errors stay in `values`, so that numbers do not shift. Each stage returns a new `Cleaned`.
    """

    batch: Batch
    values: pl.DataFrame
    errors: Errors = field(default_factory=dict)
    links: Sequence[Links] = ()

    def rejecting(self, errors: Errors) -> "Cleaned":
        if not errors:
            return self
        merged = dict(self.errors)
        for number, reasons in errors.items():
            merged[number] = (*merged.get(number, ()), *reasons)
        return replace(self, errors=merged)

    def sound(self) -> pl.Series:
        """The numbers of the records without errors."""
        numbers = pl.int_range(self.values.height, eager=True, dtype=pl.Int64)
        if not self.errors:
            return numbers
        return numbers.filter(~numbers.is_in(list(self.errors)))

    def part(self, start: int, end: int) -> "Cleaned":
        """Return the records from `start` (included) to `end` (excluded), numbered from 0."""
        if (start, end) == (0, self.values.height):
            return self
        batch = replace(
            self.batch, texts=self.batch.texts[start:end], lines=self.batch.lines[start:end], rejections=()
        )
        errors = {number - start: reasons for number, reasons in self.errors.items() if start <= number < end}
        return Cleaned(batch, self.values[start:end], errors)

    def without(self, numbers: Sequence[int]) -> "Cleaned":
        """Return the other records, renumbered from 0. `numbers` must be sorted and have no errors."""
        if not numbers:
            return self
        others = pl.int_range(self.values.height, eager=True, dtype=pl.Int64)
        others = others.filter(~others.is_in(numbers))
        batch = replace(self.batch, texts=self.batch.texts[others], lines=self.batch.lines[others])
        errors = {number - bisect(numbers, number): reasons for number, reasons in self.errors.items()}
        return Cleaned(batch, self.values[others], errors)


def column_named(name: str) -> pl.Expr:
    """Return the expression of a column. `pl.col` would take names such as `*` or `^a$` for patterns."""
    return selectors.by_name(name).as_expr()
