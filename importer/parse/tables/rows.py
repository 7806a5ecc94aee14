"""Fetches rows of a table or query by ranges of its key, within a batch's limit of bytes.

PostgreSQL and MySQL send a whole result at once, so the query itself adds up the sizes and stops. SQLite sends row by
row and rejects values beyond a given limit. From other databases fewer rows are fetched if rows are large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from django.db import DataError

from importer.budget import QUERY_ROW_BYTES
from importer.conf import MEGABYTE, conf
from importer.parse.tables.keys import Key
from importer.parse.tables.relation import SHORT_TYPES, Relation

# OIDs of PostgreSQL types whose bytes are counted without unpacking: bytea, name, text, char, varchar.
COUNTED_TYPES = frozenset((17, 19, 25, 1042, 1043))
SHORT_BYTES = 20
# SQLite rows are fetched together as long as no value could make a batch larger than this many batches.
BATCHES_TOGETHER = 4
# Bytes per row of a database that is not asked for sizes, before the first batch is measured.
ASSUMED_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by column, and the bytes of each row. `whole`: all rows of the range, or as many as `limit`."""

    columns: list[Sequence[Any]]
    sizes: Sequence[int]
    whole: bool


class Fetcher:
    """Fetches rows of a relation, and adapts to their sizes."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.columns = relation.columns
        self.vendor = relation.vendor
        self.bytes_per_row = ASSUMED_BYTES
        self.has_long_values = False

    def rows(self, after: Key | None, upto: Key | None, *, limit: int) -> Rows:
        """Fetch up to `limit` rows after one key and up to another; fewer if they are large, but at least one."""
        if self.vendor == "sqlite":
            return self._rows_together(after, upto, limit) or self._rows_one_by_one(after, upto, limit)
        if self.vendor in ("postgresql", "mysql"):
            return self._rows_added_up(after, upto, limit)
        within = max(1, min(limit, conf.BATCH_MAX_BYTES // self.bytes_per_row))
        rows = self.relation.fetch(*self.relation.select(self.columns, after=after, upto=upto, limit=within))
        sizes = [_bytes_of(row) for row in rows]
        self.bytes_per_row = max(1, sum(sizes) // len(rows)) if rows else self.bytes_per_row
        return Rows(_columns(rows), sizes, len(rows) < within or within == limit)

    # PostgreSQL and MySQL

    def _rows_added_up(self, after: Key | None, upto: Key | None, limit: int) -> Rows:
        """Fetch rows whose sizes the database adds up. A record that is too long comes with its key and size only."""
        names = [f"c{number}" for number in range(len(self.columns))]
        where, values = self.relation.between(after, upto)
        inner = ", ".join(f"{self.relation.value(column)} AS {name}" for column, name in self._pairs(names))
        outer = ", ".join(
            f"CASE WHEN size <= {conf.MAX_RECORD_BYTES} THEN {name} END"
            if column not in self.relation.key and self._may_be_long(number)
            else name
            for number, (column, name) in enumerate(self._pairs(names))
        )
        counted = f"CASE WHEN size <= {conf.MAX_RECORD_BYTES} THEN size ELSE 1 END"
        rows = self.relation.fetch(
            f"SELECT {outer}, size FROM ("  # noqa: S608 (of quoted names and our own constants)
            f"SELECT *, sum({counted}) OVER (ORDER BY place) - {counted} AS bytes_before FROM ("
            f"SELECT {inner}, {self._size()} AS size, row_number() OVER (ORDER BY {self.relation.key_sql}) AS place "
            f"FROM {self.relation.sql} {where}ORDER BY {self.relation.key_sql} LIMIT {limit}) AS sized"
            f") AS added WHERE bytes_before < {conf.BATCH_MAX_BYTES} ORDER BY place",
            values,
        )
        columns = _columns(rows) or [()] * (len(names) + 1)
        sizes = columns.pop()
        longest = conf.MAX_RECORD_BYTES
        total = sum(size if size <= longest else 1 for size in sizes)  # as the query adds up
        return Rows(columns, sizes, total < conf.BATCH_MAX_BYTES)

    def _pairs(self, names: list[str]) -> "zip[tuple[str, str]]":
        return zip(self.columns, names, strict=True)

    def _size(self) -> str:
        short = sum(not self._may_be_long(number) for number in range(len(self.columns)))
        long = [
            f"coalesce({self._length(number, f'source.{self.relation.quoted(name)}')}, 0)"
            for number, name in enumerate(self.columns)
            if self._may_be_long(number)
        ]
        return " + ".join([f"cast({1 + short * SHORT_BYTES} AS {self._integer})", *long])

    @property
    def _integer(self) -> str:
        return "bigint" if self.vendor == "postgresql" else "signed"

    def _length(self, number: int, column: str) -> str:
        if self.vendor == "mysql":
            return f"length({column})"
        return (
            f"octet_length({column if self.relation.types[number] in COUNTED_TYPES else f'{column}::text'})"
        )

    def _may_be_long(self, number: int) -> bool:
        return self.vendor != "postgresql" or self.relation.types[number] not in SHORT_TYPES

    # SQLite

    def _rows_together(self, after: Key | None, upto: Key | None, limit: int) -> Rows | None:
        """Fetch all rows at once; None if a value is too long for that, or was before."""
        longest = BATCHES_TOGETHER * conf.BATCH_MAX_BYTES // (limit * len(self.columns))
        if self.has_long_values or not longest:
            return None
        try:
            rows = self.relation.fetch(
                *self.relation.select(self.columns, after=after, upto=upto, limit=limit), longest=longest
            )
        except DataError:
            self.has_long_values = True
            return None
        return Rows(_columns(rows), [0] * len(rows), whole=True)

    def _rows_one_by_one(self, after: Key | None, upto: Key | None, limit: int) -> Rows:
        rows: list[tuple[Any, ...]] = []
        sizes: list[int] = []
        left = conf.BATCH_MAX_BYTES
        try:
            with self.relation.cursor(self._longest_value()) as cursor:
                cursor.execute(*self.relation.select(self.columns, after=after, upto=upto, limit=limit))
                for row in cursor:
                    sizes.append(_bytes_of(row))
                    is_short = sizes[-1] <= conf.MAX_RECORD_BYTES
                    rows.append(row if is_short else self._key_alone(row))
                    left -= sizes[-1] if is_short else 1
                    if left <= 0:
                        break
        except DataError:
            if self.relation.is_query:
                raise
            if not rows:
                return self._row_by_columns(after)
            left = 0
        return Rows(_columns(rows), sizes, left > 0)

    def _longest_value(self) -> int:
        """Return the limit for a value. For a query SQLite may hold whole rows, and applies the limit to them too."""
        if self.relation.is_query:
            return QUERY_ROW_BYTES
        return min(conf.MAX_RECORD_BYTES, max(MEGABYTE, QUERY_ROW_BYTES // len(self.columns)))

    def _key_alone(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            value if name in self.relation.key else None
            for name, value in zip(self.columns, row, strict=True)
        )

    def _row_by_columns(self, after: Key | None) -> Rows:
        """Fetch the next row one value at a time, until it has too many bytes."""
        (key,) = next(self.relation.keys(after, limit=1))
        key_values = dict(zip(self.relation.key, key, strict=True))
        row, size, longest = [], 0, conf.MAX_RECORD_BYTES
        for name in self.columns:
            value = key_values.get(name)
            if name not in key_values and size <= longest:
                try:
                    value = self.relation.fetch(
                        *self.relation.select([name], after=after, upto=key, limit=1), longest=longest
                    )[0][0]
                except DataError:
                    size = longest + 1
            size += _bytes_of((value,))
            row.append(value)
        values = tuple(row) if size <= longest else self._key_alone(tuple(row))
        return Rows([(value,) for value in values], [size], whole=False)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
    """Turn rows into columns. `zip` would make an iterator for each row, for the garbage collector to walk over."""
    return [list(map(itemgetter(number), rows)) for number in range(len(rows[0]) if rows else 0)]


def _bytes_of(row: Sequence[Any]) -> int:
    size = 0
    for value in row:
        if value.__class__ is str or value.__class__ is bytes:
            size += len(value)
    return size
