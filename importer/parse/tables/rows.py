"""Rows of a table or query by ranges of its key, and of each batch no more bytes than it may have, whatever they hold.

PostgreSQL and MySQL hand a whole result over at once, so they are asked to add up and to stop. SQLite hands over row by
row, and refuses values beyond a limit that it is told. Of other databases, fewer rows are fetched where they are large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DataError

from importer.budget import QUERY_ROW_BYTES
from importer.conf import MEGABYTE, conf
from importer.parse.tables.keys import Key
from importer.parse.tables.relation import SHORT_TYPES, Relation

# Those whose bytes it counts without unpacking them: bytea, name, text, char, varchar.
COUNTED_TYPES = frozenset((17, 19, 25, 1042, 1043))
SHORT_BYTES = 20
# Of SQLite, rows are fetched together while no value is so long that a batch could have the bytes of more batches.
BATCHES_TOGETHER = 4
# Of a database that is not asked for sizes, before the first batch tells better.
ASSUMED_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows column by column, and the bytes of each. `whole`: there are no more, or as many as were asked for."""

    columns: list[Sequence[Any]]
    sizes: Sequence[int]
    whole: bool


class Fetcher:
    """Fetches rows of a relation, and knows what it has learned of their sizes."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.columns = relation.columns
        self.vendor = relation.vendor
        self.bytes_per_row = ASSUMED_BYTES
        self.has_long_values = False

    def rows(self, after: Key | None, upto: Key | None, *, limit: int) -> Rows:
        """Up to `limit` rows behind a key and up to another one, and fewer where they are large; at least one."""
        if self.vendor == "sqlite":
            return self._rows_together(after, upto, limit) or self._rows_one_by_one(after, upto, limit)
        if self.vendor in ("postgresql", "mysql"):
            return self._rows_added_up(after, upto, limit)
        within = max(1, min(limit, conf.BATCH_MAX_BYTES // self.bytes_per_row))
        rows = self.relation.fetch(*self.relation.select(self.columns, after, upto, within))
        sizes = [_bytes_of(row) for row in rows]
        self.bytes_per_row = max(1, sum(sizes) // len(rows)) if rows else self.bytes_per_row
        return Rows(list(zip(*rows, strict=True)), sizes, len(rows) < within or within == limit)

    # PostgreSQL and MySQL

    def _rows_added_up(self, after: Key | None, upto: Key | None, limit: int) -> Rows:
        """A record that is too long comes with its key and its size, and without what makes it long."""
        names = [f"c{number}" for number in range(len(self.columns))]
        where, values = self.relation.between(after, upto)
        inner = ", ".join(
            f"source.{self.relation.quoted(column)} AS {name}" for column, name in self._pairs(names)
        )
        outer = ", ".join(
            f"CASE WHEN size <= {conf.MAX_RECORD_BYTES} THEN {name} END"
            if column not in self.relation.key and self._may_be_long(number)
            else name
            for number, (column, name) in enumerate(self._pairs(names))
        )
        counted = f"CASE WHEN size <= {conf.MAX_RECORD_BYTES} THEN size ELSE 1 END"
        rows = self.relation.fetch(
            f"SELECT {outer}, size FROM ("  # noqa: S608 (of quoted names and our own constants)
            f"SELECT *, sum({counted}) OVER (ORDER BY place) - {counted} AS before FROM ("
            f"SELECT {inner}, {self._size()} AS size, row_number() OVER (ORDER BY {self.relation.key_sql}) AS place "
            f"FROM {self.relation.sql} {where}ORDER BY {self.relation.key_sql} LIMIT {limit}) AS sized"
            f") AS added WHERE before < {conf.BATCH_MAX_BYTES} ORDER BY place",
            values,
        )
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * (len(names) + 1)
        sizes = columns.pop()
        longest = conf.MAX_RECORD_BYTES
        total = sum(size if size <= longest else 1 for size in sizes)  # as it was added up there
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
        """Without a look at each; None from the first value on that is too long for that."""
        longest = BATCHES_TOGETHER * conf.BATCH_MAX_BYTES // (limit * len(self.columns))
        if self.has_long_values or not longest:
            return None
        try:
            rows = self.relation.fetch(
                *self.relation.select(self.columns, after, upto, limit), longest=longest
            )
        except DataError:
            self.has_long_values = True
            return None
        return Rows(list(zip(*rows, strict=True)), [0] * len(rows), whole=True)

    def _rows_one_by_one(self, after: Key | None, upto: Key | None, limit: int) -> Rows:
        rows: list[tuple[Any, ...]] = []
        sizes: list[int] = []
        left = conf.BATCH_MAX_BYTES
        try:
            with (
                self.relation.connection.cursor() as cursor,
                self.relation.as_sqlite_stores_it(self._longest_value()),
            ):
                cursor.execute(*self.relation.select(self.columns, after, upto, limit))
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
        return Rows(list(zip(*rows, strict=True)), sizes, left > 0)

    def _longest_value(self) -> int:
        """Of a query, SQLite may hold whole rows before it gives the first, and takes the limit for them, too."""
        if self.relation.is_query:
            return QUERY_ROW_BYTES
        return min(conf.MAX_RECORD_BYTES, max(MEGABYTE, QUERY_ROW_BYTES // len(self.columns)))

    def _key_alone(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            value if name in self.relation.key else None
            for name, value in zip(self.columns, row, strict=True)
        )

    def _row_by_columns(self, after: Key | None) -> Rows:
        """The next row, one value at a time, until it is known that they are too many bytes."""
        key = next(self.relation.keys(after, limit=1))
        known = dict(zip(self.relation.key, key, strict=True))
        row, size, longest = [], 0, conf.MAX_RECORD_BYTES
        for name in self.columns:
            value = known.get(name)
            if name not in known and size <= longest:
                try:
                    value = self.relation.fetch(
                        *self.relation.select([name], after, key, 1), longest=longest
                    )[0][0]
                except DataError:
                    size = longest + 1
            size += _bytes_of((value,))
            row.append(value)
        kept = tuple(row) if size <= longest else self._key_alone(tuple(row))
        return Rows([(value,) for value in kept], [size], whole=False)


def _bytes_of(row: Sequence[Any]) -> int:
    size = 0
    for value in row:
        if value.__class__ is str or value.__class__ is bytes:
            size += len(value)
    return size
