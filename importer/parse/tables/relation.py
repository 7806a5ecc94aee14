"""Builds the SQL that reads a table or query by its key."""

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from django.db import OperationalError

from importer.budget import KEY_BYTES, QUERY_ROW_BYTES
from importer.parse.tables.keys import Key
from importer.parse.tables.names import quoted
from importer.parse.tables.stored import as_postgresql_writes, as_sqlite_stores

# OIDs of PostgreSQL types with short texts: bool, integers, oid, floats, dates, times, interval, uuid.
SHORT_TYPES = frozenset((16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 2950))
# Keys in memory at once while ranges are cut.
KEYS_AT_ONCE = 10_000
NONE: Mapping[str, str] = MappingProxyType({})


class Relation:
    """A table or query.

    sql          the text after FROM
    columns      its columns
    types        their types: the type codes of a cursor's description (PEP 249)
    expressions  column → how it is read, as a pattern such as "{}::numeric"; other columns are read by their names

    All statements are executed with values, so a "%" of a name or a query is doubled.
    """

    def __init__(
        self,
        connection: Any,
        sql: str,
        *,
        columns: list[str],
        types: list[Any],
        expressions: Mapping[str, str] = NONE,
        is_query: bool = False,
    ) -> None:
        self.connection = connection
        self.sql = f"{sql} AS source".replace("%", "%%")
        self.vendor = connection.vendor
        self.is_query = is_query
        self.columns = columns
        self.types = types
        self.expressions = dict(expressions)
        self.key_expressions: Mapping[str, str] = NONE
        self.key: list[str] = []
        # Of SQLite: whether a text is not UTF-8. Until one is found, the driver decodes them, which is faster.
        self.has_broken_text = False

    def order_by(self, key: list[str], expressions: Mapping[str, str] = NONE) -> None:
        """Read the rows by these columns. `expressions`: those that must not be compared by their names alone."""
        self.key = key
        self.key_expressions = expressions
        self.expressions |= expressions

    def keys(self, after: Key | None, *, limit: int) -> Iterator[list[Key]]:
        """Yield up to `limit` keys after one, in pages. Raises DataError for a long key, if the database reports it."""
        longest = QUERY_ROW_BYTES if self.is_query else KEY_BYTES
        while limit > 0:
            size = min(limit, KEYS_AT_ONCE)
            keys = self.fetch(*self.select(self.key, after=after, upto=None, limit=size), longest=longest)
            if keys:
                yield keys
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
        if self.vendor == "sqlite" and not self.has_broken_text:
            try:
                return self._fetch(statement, values, longest)
            except OperationalError as error:
                if "decode" not in str(error):
                    raise
                self.has_broken_text = True
        return self._fetch(statement, values, longest)

    def _fetch(self, statement: str, values: list[Any] | None, longest: int | None) -> list[tuple[Any, ...]]:
        with self.cursor(longest, decodes_each=self.has_broken_text) as cursor:
            # As bytes, because in a database without an encoding psycopg encodes statements as ASCII.
            is_postgres = self.vendor == "postgresql"
            cursor.execute(statement.encode() if is_postgres else statement, values or [])
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def cursor(self, longest: int | None, *, decodes_each: bool = True) -> Iterator[Any]:
        """Open a cursor that reads values as they are stored: what Python cannot hold arrives as text.

        longest       limits the bytes of a value on SQLite: a longer one raises DataError
        decodes_each  whether a text of SQLite that is not UTF-8 costs its record; else it raises OperationalError
        """
        with contextlib.ExitStack() as stack:
            cursor = stack.enter_context(self.connection.cursor())
            if self.vendor == "postgresql":
                stack.enter_context(as_postgresql_writes(cursor, self.types))
            elif self.vendor == "sqlite":
                stack.enter_context(as_sqlite_stores(cursor, longest, decodes_each=decodes_each))
            yield cursor

    def quoted(self, name: str) -> str:
        return quoted(self.connection, name).replace("%", "%%")

    @property
    def key_sql(self) -> str:
        return ", ".join(
            self.key_expressions.get(name, "{}").format(f"source.{self.quoted(name)}") for name in self.key
        )

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
        names = map(self.value, columns)
        if self.vendor == "sqlite":
            return ", ".join(f"+{name} AS c{n}" for n, name in enumerate(names))
        return ", ".join(names)

    def value(self, name: str) -> str:
        """Return the expression that reads a column."""
        return self.expressions.get(name, "{}").format(f"source.{self.quoted(name)}")
