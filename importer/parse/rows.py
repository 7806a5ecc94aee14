"""Rows of a table or query by ranges of its key, and of each batch no more bytes than it may have, whatever they hold.

PostgreSQL and MySQL hand a whole result over at once, so they are asked to add up and to stop. SQLite hands over row by
row, and refuses values beyond a limit that it is told. Of other databases, fewer rows are fetched where they are large.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DataError

from importer.budget import KEY_BYTES
from importer.conf import MEGABYTE, conf
from importer.keys import Key
from importer.parse.typed import decoded

# Types of PostgreSQL whose text is short: bool, integers, oid, floats, dates, times, interval, uuid.
SHORT_TYPES = frozenset((16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 2950))
# Those whose bytes it counts without unpacking them: bytea, name, text, char, varchar.
COUNTED_TYPES = frozenset((17, 19, 25, 1042, 1043))
SHORT_BYTES = 20
# Keys that are held at once while ranges are cut.
KEYS_AT_ONCE = 10_000
# What a row of SQLite may take before it is read column by column.
ROW_BYTES = 256 * MEGABYTE
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


class Relation:
    """`sql` is what stands behind FROM; `description` is that of a cursor."""

    def __init__(self, connection: Any, sql: str, *, description: Sequence[Any]) -> None:
        self.connection = connection
        self.sql = f"{sql} AS source"
        self.vendor = connection.vendor
        self.columns = [column[0] for column in description]
        self.types = [column[1] for column in description]
        self.key: list[str] = []
        self.bytes_per_row = ASSUMED_BYTES
        self.has_long_values = False

    def order_by(self, key: list[str]) -> None:
        self.key = key

    def rows(self, after: Key | None, upto: Key | None, *, limit: int) -> Rows:
        """Up to `limit` rows behind a key and up to another one, and fewer where they are large; at least one."""
        if self.vendor == "sqlite":
            return self._rows_together(after, upto, limit) or self._rows_one_by_one(after, upto, limit)
        if self.vendor in ("postgresql", "mysql"):
            return self._rows_added_up(after, upto, limit)
        within = max(1, min(limit, conf.BATCH_MAX_BYTES // self.bytes_per_row))
        rows = self.fetch(*self._select(self.columns, after, upto, within))
        sizes = [_bytes_of(row) for row in rows]
        self.bytes_per_row = max(1, sum(sizes) // len(rows)) if rows else self.bytes_per_row
        return Rows(list(zip(*rows, strict=True)), sizes, len(rows) < within or within == limit)

    def keys(self, after: Key | None, *, limit: int) -> Iterator[Key]:
        """Up to `limit` keys behind one. Raises DataError for one that is too long, where the database tells."""
        while limit > 0:
            found = self.fetch(
                *self._select(self.key, after, None, min(limit, KEYS_AT_ONCE)), longest=KEY_BYTES
            )
            yield from found
            if len(found) < min(limit, KEYS_AT_ONCE):
                return
            limit, after = limit - len(found), found[-1]

    def count(self, after: Key | None, upto: Key | None) -> int:
        where, values = self._between(after, upto)
        return int(self.fetch(f"SELECT count(*) FROM {self.sql} {where}", values)[0][0])  # noqa: S608

    def longest_key(self) -> int:
        """The bytes of the longest key's longest part; 0 where nothing tells."""
        kinds = dict(zip(self.columns, self.types, strict=True))
        long = [name for name in self.key if self.vendor == "postgresql" and kinds[name] not in SHORT_TYPES]
        if not long:
            return 0
        sizes = ", ".join(f"octet_length(source.{self.quoted(name)}::text)" for name in long)
        return int(self.fetch(f"SELECT coalesce(max(greatest({sizes})), 0) FROM {self.sql}")[0][0])  # noqa: S608

    def fetch(
        self, statement: str, values: list[Any] | None = None, *, longest: int | None = None
    ) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor, self._as_sqlite_stores_it(longest):
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def quoted(self, name: str) -> str:
        return str(self.connection.ops.quote_name(name))

    @property
    def key_sql(self) -> str:
        return ", ".join(f"source.{self.quoted(name)}" for name in self.key)

    # PostgreSQL and MySQL

    def _rows_added_up(self, after: Key | None, upto: Key | None, limit: int) -> Rows:
        """A record that is too long comes with its key and its size, and without what makes it long."""
        names = [f"c{number}" for number in range(len(self.columns))]
        where, values = self._between(after, upto)
        inner = ", ".join(f"source.{self.quoted(column)} AS {name}" for column, name in self._pairs(names))
        outer = ", ".join(
            f"CASE WHEN size <= {conf.MAX_RECORD_BYTES} THEN {name} END"
            if column not in self.key and self._may_be_long(number)
            else name
            for number, (column, name) in enumerate(self._pairs(names))
        )
        counted = f"CASE WHEN size <= {conf.MAX_RECORD_BYTES} THEN size ELSE 1 END"
        rows = self.fetch(
            f"SELECT {outer}, size FROM ("  # noqa: S608 (of quoted names and our own constants)
            f"SELECT *, sum({counted}) OVER (ORDER BY place) - {counted} AS before FROM ("
            f"SELECT {inner}, {self._size()} AS size, row_number() OVER (ORDER BY {self.key_sql}) AS place "
            f"FROM {self.sql} {where}ORDER BY {self.key_sql} LIMIT {limit}) AS sized"
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
            f"coalesce({self._length(number, f'source.{self.quoted(name)}')}, 0)"
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
        return f"octet_length({column if self.types[number] in COUNTED_TYPES else f'{column}::text'})"

    def _may_be_long(self, number: int) -> bool:
        return self.vendor != "postgresql" or self.types[number] not in SHORT_TYPES

    # SQLite

    def _rows_together(self, after: Key | None, upto: Key | None, limit: int) -> Rows | None:
        """Without a look at each; None from the first value on that is too long for that."""
        longest = BATCHES_TOGETHER * conf.BATCH_MAX_BYTES // (limit * len(self.columns))
        if self.has_long_values or not longest:
            return None
        try:
            rows = self.fetch(*self._select(self.columns, after, upto, limit), longest=longest)
        except DataError:
            self.has_long_values = True
            return None
        return Rows(list(zip(*rows, strict=True)), [0] * len(rows), whole=True)

    def _rows_one_by_one(self, after: Key | None, upto: Key | None, limit: int) -> Rows:
        rows: list[tuple[Any, ...]] = []
        sizes: list[int] = []
        left = conf.BATCH_MAX_BYTES
        longest = min(conf.MAX_RECORD_BYTES, max(MEGABYTE, ROW_BYTES // len(self.columns)))
        try:
            with self.connection.cursor() as cursor, self._as_sqlite_stores_it(longest):
                cursor.execute(*self._select(self.columns, after, upto, limit))
                for row in cursor:
                    rows.append(row)
                    sizes.append(_bytes_of(row))
                    left -= sizes[-1]
                    if left <= 0:
                        break
        except DataError:
            if not rows:
                return self._rows_before_a_large_one(after, upto, limit)
            left = 0
        return Rows(list(zip(*rows, strict=True)), sizes, left > 0)

    def _rows_before_a_large_one(self, after: Key | None, upto: Key | None, limit: int) -> Rows:
        """Half of them, and half of those, until the large one is none of them, or is alone.

        Where SQLite sorts, a large one anywhere behind keeps it from giving any.
        """
        keys = self.fetch(*self._select(self.key, after, upto, limit), longest=KEY_BYTES)
        if len(keys) == 1:
            return self._row_by_columns(after, keys[0])
        half = len(keys) // 2
        found = self._rows_one_by_one(after, tuple(keys[half - 1]), half)
        return Rows(found.columns, found.sizes, whole=False)

    def _row_by_columns(self, after: Key | None, key: Key) -> Rows:
        """One value at a time, until it is known that they are too many bytes."""
        known = dict(zip(self.key, key, strict=True))
        values, size = [], 0
        for name in self.columns:
            value = known.get(name)
            if name not in known and size <= conf.MAX_RECORD_BYTES:
                try:
                    value = self.fetch(*self._select([name], after, key, 1), longest=conf.MAX_RECORD_BYTES)[
                        0
                    ][0]
                except DataError:
                    size = conf.MAX_RECORD_BYTES + 1
            size += _bytes_of((value,))
            values.append((value,))
        return Rows(list(values), [size], whole=False)

    @contextlib.contextmanager
    def _as_sqlite_stores_it(self, longest: int | None) -> Iterator[None]:
        """On SQLite, text may be any bytes. Those that are none concern their record, and not the whole fetch."""
        if self.vendor != "sqlite":
            yield
            return
        import sqlite3

        raw = self.connection.connection
        raw.text_factory = decoded
        former = raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest) if longest else None
        try:
            yield
        finally:
            raw.text_factory = str
            if former is not None:
                raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, former)

    # Pieces of SQL

    def _select(
        self, columns: list[str], after: Key | None, upto: Key | None, limit: int
    ) -> tuple[str, list[Any]]:
        where, values = self._between(after, upto)
        statement = f"SELECT {self._as_stored(columns)} FROM {self.sql} {where}"  # noqa: S608
        return f"{statement}ORDER BY {self.key_sql} LIMIT {limit}", values

    def _between(self, after: Key | None, upto: Key | None) -> tuple[str, list[Any]]:
        places = ", ".join(["%s"] * len(self.key))
        bounds: list[str] = []
        values: list[Any] = []
        for comparison, key in ((">", after), ("<=", upto)):
            if key is not None:
                bounds.append(f"({self.key_sql}) {comparison} ({places})")
                values.extend(key)
        return f"WHERE {' AND '.join(bounds)} " if bounds else "", values

    def _as_stored(self, columns: list[str]) -> str:
        """On SQLite, expressions: Django converts what is declared as a date or a boolean, and loses what is none."""
        if self.vendor == "sqlite":
            return ", ".join(f"+source.{self.quoted(name)} AS c{n}" for n, name in enumerate(columns))
        return ", ".join(f"source.{self.quoted(name)}" for name in columns)

    def plain_names(self) -> list[str]:
        """SQLite calls the second column of a name "name:1"."""
        return [
            re.sub(r"^(.+):\d+$", r"\1", name) if self.vendor == "sqlite" else name for name in self.columns
        ]


def _bytes_of(row: Sequence[Any]) -> int:
    size = 0
    for value in row:
        if value.__class__ is str or value.__class__ is bytes:
            size += len(value)
    return size
