"""Builds the SQL that reads a table or query by its key."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from importer.budget import KEY_BYTES, QUERY_ROW_BYTES
from importer.parse.tables.keys import Key
from importer.parse.typed import decoded

# OIDs of PostgreSQL types with short texts: bool, integers, oid, floats, dates, times, interval, uuid.
SHORT_TYPES = frozenset((16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 2950))
# Keys in memory at once while ranges are cut.
KEYS_AT_ONCE = 10_000


class Relation:
    """A table or query. `sql` is the text after FROM; `description` is a cursor's (PEP 249)."""

    def __init__(
        self, connection: Any, sql: str, *, description: Sequence[Any], is_query: bool = False
    ) -> None:
        self.connection = connection
        self.sql = f"{sql} AS source"
        self.vendor = connection.vendor
        self.is_query = is_query
        self.columns = [column[0] for column in description]
        self.types = [column[1] for column in description]
        self.key: list[str] = []

    def order_by(self, key: list[str]) -> None:
        self.key = key

    def keys(self, after: Key | None, *, limit: int) -> Iterator[Key]:
        """Yield up to `limit` keys after one. Raises DataError for a long key, if the database reports it."""
        longest = QUERY_ROW_BYTES if self.is_query else KEY_BYTES
        while limit > 0:
            size = min(limit, KEYS_AT_ONCE)
            keys = self.fetch(*self.select(self.key, after=after, upto=None, limit=size), longest=longest)
            yield from keys
            if len(keys) < size:
                return
            limit, after = limit - size, keys[-1]

    def count(self, after: Key | None, upto: Key | None) -> int:
        where, values = self.between(after, upto)
        return int(self.fetch(f"SELECT count(*) FROM {self.sql} {where}", values)[0][0])  # noqa: S608

    def longest_key(self) -> int:
        """Return the bytes of the longest part of any key; 0 if the database is not asked."""
        kinds = dict(zip(self.columns, self.types, strict=True))
        long = [name for name in self.key if self.vendor == "postgresql" and kinds[name] not in SHORT_TYPES]
        if not long:
            return 0
        sizes = ", ".join(f"octet_length(source.{self.quoted(name)}::text)" for name in long)
        return int(self.fetch(f"SELECT coalesce(max(greatest({sizes})), 0) FROM {self.sql}")[0][0])  # noqa: S608

    def fetch(
        self, statement: str, values: list[Any] | None = None, *, longest: int | None = None
    ) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor, self.as_sqlite_stores_it(longest):
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def quoted(self, name: str) -> str:
        return str(self.connection.ops.quote_name(name))

    @property
    def key_sql(self) -> str:
        return ", ".join(f"source.{self.quoted(name)}" for name in self.key)

    @contextlib.contextmanager
    def as_sqlite_stores_it(self, longest: int | None) -> Iterator[None]:
        """Read SQLite's text as bytes where it is not UTF-8, so that only its record is rejected, not the whole fetch.

        `longest` limits the bytes of a value: a longer one raises DataError.
        """
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

    def select(
        self, columns: list[str], *, after: Key | None, upto: Key | None, limit: int
    ) -> tuple[str, list[Any]]:
        where, values = self.between(after, upto)
        statement = f"SELECT {self._as_stored(columns)} FROM {self.sql} {where}"  # noqa: S608
        return f"{statement}ORDER BY {self.key_sql} LIMIT {limit}", values

    def between(self, after: Key | None, upto: Key | None) -> tuple[str, list[Any]]:
        places = ", ".join(["%s"] * len(self.key))
        bounds: list[str] = []
        values: list[Any] = []
        for comparison, key in ((">", after), ("<=", upto)):
            if key is not None:
                bounds.append(f"({self.key_sql}) {comparison} ({places})")
                values.extend(key)
        return f"WHERE {' AND '.join(bounds)} " if bounds else "", values

    def _as_stored(self, columns: list[str]) -> str:
        """Name the columns; on SQLite as expressions, because Django converts declared dates and loses invalid ones."""
        if self.vendor == "sqlite":
            return ", ".join(f"+source.{self.quoted(name)} AS c{n}" for n, name in enumerate(columns))
        return ", ".join(f"source.{self.quoted(name)}" for name in columns)

    def plain_names(self) -> list[str]:
        """Return the column names without the suffix of SQLite, which calls a second column "name" "name:1"."""
        return [
            re.sub(r"^(.+):\d+$", r"\1", name) if self.vendor == "sqlite" else name for name in self.columns
        ]
