"""The values that travel through the pipeline: positions, batches, rejections, counts. All are frozen."""

import re
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import polars as pl


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two records of a source.

    offset  bytes (text files), records (Parquet) or records of the chunk (tables)
    line    number of the next record's first line, counted from 1; for sources without lines, of the next record
    key     the last key read, for tables
    """

    offset: int
    line: int
    key: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class RecordError:
    """One reason why a record was rejected. `field` is empty where the whole record is meant."""

    field: str
    code: str
    message: str
    value: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return {"field": self.field, "code": self.code, "message": self.message, "value": self.value}


# Prefix for bytes that are not text. No field accepts it, because Django rejects NUL.
NOT_TEXT = "\0not text: "

LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# How much of a value an error shows.
SHOWN_CHARACTERS = 200

# The key of raw text that could not be split into columns, or cannot be stored as it is.
RAW = "_raw"


# Columns of the file of rejected records, besides those of the source, which therefore must not have them.
LINE, REASONS = "_line", "_reasons"
RESERVED = (LINE, REASONS, RAW)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record with its line, its values as they stood in the source (column → text), and the reasons."""

    line: int
    raw: dict[str, Any]
    errors: tuple[RecordError, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records as text: one column of `texts` per column of the source, one of `lines` per record.

    `rejections` are the records between `start` and `end` that could not be split into columns.
    """

    texts: pl.DataFrame
    lines: pl.Series
    start: Position
    end: Position
    rejections: Sequence[Rejection] = ()

    @property
    def size(self) -> int:
        """Records read, the rejected ones included."""
        return self.texts.height + len(self.rejections)


# What is wrong with records, by their number within a batch.
Errors = Mapping[int, Sequence[RecordError]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The values of a batch as text for PostgreSQL, one column per target, and what is wrong by record number.

    Records with errors stay in `values`, so that numbers keep their meaning. Stages return a new one.
    """

    batch: Batch
    values: pl.DataFrame
    errors: Errors = field(default_factory=dict)

    def rejecting(self, errors: Errors) -> "Cleaned":
        if not errors:
            return self
        merged = dict(self.errors)
        for number, found in errors.items():
            merged[number] = (*merged.get(number, ()), *found)
        return replace(self, errors=merged)

    def sound(self) -> pl.Series:
        """The numbers of the records without errors."""
        numbers = pl.int_range(self.values.height, eager=True, dtype=pl.Int64)
        if not self.errors:
            return numbers
        return numbers.filter(~numbers.is_in(list(self.errors)))

    def part(self, start: int, end: int) -> "Cleaned":
        """The records from `start` to before `end`, numbered from 0."""
        if (start, end) == (0, self.values.height):
            return self
        batch = replace(
            self.batch, texts=self.batch.texts[start:end], lines=self.batch.lines[start:end], rejections=()
        )
        errors = {number - start: found for number, found in self.errors.items() if start <= number < end}
        return Cleaned(batch, self.values[start:end], errors)

    def without(self, numbers: Sequence[int]) -> "Cleaned":
        """The other records, numbered anew. `numbers` are sorted, and of records without errors."""
        if not numbers:
            return self
        kept = pl.int_range(self.values.height, eager=True, dtype=pl.Int64)
        kept = kept.filter(~kept.is_in(numbers))
        batch = replace(self.batch, texts=self.batch.texts[kept], lines=self.batch.lines[kept])
        errors = {number - bisect(numbers, number): found for number, found in self.errors.items()}
        return Cleaned(batch, self.values[kept], errors)


def escaped(text: str) -> str:
    """The text with what PostgreSQL cannot store (NUL, bytes that are no text) written as backslash escapes."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else LONE_SURROGATE.sub(_as_escape, text)


def _as_escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    was_byte = 0xDC80 <= number <= 0xDCFF  # as `surrogateescape` keeps a byte that is no text
    return f"\\x{number & 0xFF:02x}" if was_byte else f"\\u{number:04x}"


def shown(text: str) -> str:
    """The beginning of a text, for a message."""
    return escaped(text[:SHOWN_CHARACTERS])


@dataclass(frozen=True, slots=True)
class Counts:
    """Fates of records. `read` is always the sum of the other five."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(Counts)))

    @property
    def settled(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.skipped + self.rejected


@dataclass(frozen=True, slots=True)
class Replayed(Counts):
    """Fates of the records that a replay tried.

    left         records it did not try: they could not be taken apart, so somebody has to mend them in a file first
    passed_over  records of the file that an earlier replay, which was killed or stopped, has put in already
    stopped      asked to stop before the last of them; the same command goes on
    """

    left: int = 0
    passed_over: int = 0
    stopped: bool = False


FATES = tuple(f.name for f in fields(Counts))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. `contested` records wait for the end of the run; `searched` were found by halves."""

    counts: Counts
    rejections: Sequence[Rejection]
    contested: Sequence[Rejection] = ()
    searched: int = 0
