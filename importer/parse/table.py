"""A table or query of another configured database, read by ranges of its key and never by OFFSET."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from django.db import DatabaseError, connections

from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.parse import Range
from importer.parse.typed import as_text
from importer.records import Batch, Position
from importer.registry import get_spec

Key = tuple[Any, ...]


class TableReader:
    """`table` is a table's name, or the name of one of the spec's `Meta.queries`."""

    def __init__(self, alias: str, table: str, *, spec: str) -> None:
        self.connection = connections[alias]
        self.name = f"db:{alias}/{table}"
        quote = self.connection.ops.quote_name
        query = get_spec(spec).options.queries.get(table)
        try:
            self._key = [] if query else self._primary_key(table)
            self.relation = (
                f"({query}) AS source" if query else ".".join(quote(part) for part in table.split("."))
            )
            with self.connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {self.relation} WHERE 1 = 0")  # noqa: S608 (quoted, or the spec's own)
                self._columns = [column[0] for column in cursor.description or ()]
        except DatabaseError as error:
            raise SourceRefused(
                f'The source "{self.name}" cannot be read: {str(error).splitlines()[0]}.'
            ) from None
        # A query's rows are told apart by its first column, which therefore has to be unique.
        self._key = self._key or self._columns[:1]
        self._key_sql = ", ".join(quote(name) for name in self._key)
        self._key_indexes = [self._columns.index(name) for name in self._key]

    def close(self) -> None:
        """Nothing to do: the connection is Django's, and may be the one that is being written to."""

    def columns(self) -> list[str]:
        return self._columns

    def ranges(self) -> Iterator[Range]:
        """Every n-th key, from one ordered scan of the keys alone."""
        size = conf.CHUNK_RECORDS
        start_key: Key | None = None
        start = 0
        while True:
            keys = self._select(self._key_sql, after=start_key, upto=None, limit=size)
            if not keys:
                return
            end_key = tuple(keys[-1])
            yield Range(start, start + len(keys), start + 1, start_key, end_key)
            start, start_key = start + len(keys), end_key

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        after = start.key if start.key is not None else end.start_key
        rows = self._select("*", after=after, upto=end.end_key, limit=limit)
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._columns)
        texts = pl.DataFrame(
            {
                name: [as_text(value) for value in values]
                for name, values in zip(self._columns, columns, strict=True)
            },
            schema=dict.fromkeys(self._columns, pl.String()),
        )
        if len(rows) < limit:
            # Rows may have gone since the plan; the range is done all the same.
            stop, key = end.end_offset, end.end_key
        else:
            stop = min(start.offset + len(rows), end.end_offset - 1)
            key = tuple(rows[-1][index] for index in self._key_indexes)
            if key == end.end_key:
                stop = end.end_offset
        lines = pl.int_range(start.line, start.line + len(rows), eager=True)
        return Batch(texts, lines, start, Position(stop, start.line + len(rows), key))

    def _select(self, what: str, *, after: Key | None, upto: Key | None, limit: int) -> list[tuple[Any, ...]]:
        places = ", ".join(["%s"] * len(self._key))
        bounds: list[str] = []
        values: list[Any] = []
        for comparison, key in ((">", after), ("<=", upto)):
            if key is not None:
                bounds.append(f"({self._key_sql}) {comparison} ({places})")
                values.extend(key)
        where = f"WHERE {' AND '.join(bounds)} " if bounds else ""
        sql = f"SELECT {what} FROM {self.relation} {where}ORDER BY {self._key_sql} LIMIT {limit}"  # noqa: S608
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    def _primary_key(self, table: str) -> list[str]:
        with self.connection.cursor() as cursor:
            columns = self.connection.introspection.get_primary_key_columns(cursor, table)
        if not columns:
            raise SourceRefused(
                f'The source "{self.name}" has no primary key to read it by; '
                f"name a query with a unique first column in the spec's Meta.queries."
            )
        return list(columns)
