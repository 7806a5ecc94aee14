"""A table or query of another configured database, read by ranges of its key and never by OFFSET."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import polars as pl
from django.db import DatabaseError, connections

from importer.conf import conf
from importer.exceptions import SourceChanged, SourceRefused
from importer.keys import Key, is_usable
from importer.parse import Range
from importer.parse.typed import as_json, as_text, decoded
from importer.records import Batch, Position, shown
from importer.registry import get_spec

ANOTHER_QUERY = "name a query with a unique first column in the spec's Meta.queries"


class TableReader:
    """`table` is a table's name, or the name of one of the spec's `Meta.queries`."""

    def __init__(self, alias: str, table: str, *, spec: str) -> None:
        self.connection = connections[alias]
        self.name = f"db:{alias}/{table}"
        self.is_sqlite = self.connection.vendor == "sqlite"
        self._json_columns = get_spec(spec).json_columns()
        query = get_spec(spec).options.queries.get(table)
        try:
            self._key = [] if query else self._primary_key(table)
            relation = f"({query})" if query else ".".join(self._quoted(part) for part in table.split("."))
            self.relation = f"{relation} AS source"
            with self.connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {self.relation} WHERE 1 = 0")  # noqa: S608 (quoted, or the spec's own)
                self._columns = [column[0] for column in cursor.description or ()]
        except DatabaseError as error:
            raise SourceRefused(
                f'The source "{self.name}" cannot be read: {str(error).splitlines()[0]}.'
            ) from None
        self._refuse_columns_of_one_name()
        # A query's rows are told apart by its first column, which therefore has to be unique.
        self.is_query = query is not None
        self._key = self._key or self._columns[:1]
        self._key_sql = ", ".join(f"source.{self._quoted(name)}" for name in self._key)
        self._key_indexes = [self._columns.index(name) for name in self._key]

    def close(self) -> None:
        """Nothing to do: the connection is Django's, and may be the one that is being written to."""

    def columns(self) -> list[str]:
        return self._columns

    def ranges(self) -> Iterator[Range]:
        """Every n-th key, from one ordered scan of the keys alone."""
        self._refuse_empty_keys()
        if self.is_query:
            self._refuse_repeated_keys()
        size = conf.CHUNK_RECORDS
        start_key: Key | None = None
        start = 0
        while True:
            keys = self._select(self._key, after=start_key, upto=None, limit=size)
            if not keys:
                return
            self._refuse_unusable_keys(keys)
            end_key = tuple(keys[-1])
            yield Range(start, start + len(keys), start + 1, start_key, end_key)
            start, start_key = start + len(keys), end_key

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        after = start.key if start.key is not None else end.start_key
        rows = self._select(self._columns, after=after, upto=end.end_key, limit=limit)
        stop = start.offset + len(rows)
        key = tuple(rows[-1][index] for index in self._key_indexes) if rows else end.end_key
        if stop > end.end_offset or (stop == end.end_offset and self._count(after=key, upto=end.end_key)):
            surplus = start.offset + self._count(after=after, upto=end.end_key) - end.end_offset
            raise SourceChanged(
                f'The source "{self.name}" has {surplus:,} rows more than were planned, up to the key '
                f"{_in_words(end.end_key)}; make a new job for it."
            )
        if len(rows) < limit or stop == end.end_offset:
            # Rows may have gone since the plan; the range is done all the same.
            stop, key = end.end_offset, end.end_key
        lines = pl.int_range(start.line, start.line + len(rows), eager=True)
        return Batch(self._as_frame(rows), lines, start, Position(stop, start.line + len(rows), key))

    def _as_frame(self, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._columns)
        return pl.DataFrame(
            {
                name: [self._as_text(name, value) for value in values]
                for name, values in zip(self._columns, columns, strict=True)
            },
            schema=dict.fromkeys(self._columns, pl.String()),
        )

    def _as_text(self, name: str, value: Any) -> str | None:
        """Databases hand JSON over as text, or keep it so; what is no text in a JSON column is a value of its own."""
        if name in self._json_columns and isinstance(value, bool | int | float | dict | list):
            return as_json(value, self._json_columns[name])
        return as_text(value)

    # What a source must not have

    def _refuse_columns_of_one_name(self) -> None:
        names = self._columns
        if self.is_sqlite:
            # It calls the second one "name:1".
            names = [re.sub(r"^(.+):\d+$", r"\1", name) for name in names]
        for name in names:
            if names.count(name) > 1:
                raise SourceRefused(
                    f'The source "{self.name}" has the column "{name}" more than once; '
                    f"give each a name of its own (AS)."
                )

    def _refuse_empty_keys(self) -> None:
        """No comparison finds them again, so they would be passed over."""
        for name in self._key:
            empty = self._fetch(
                f"SELECT count(*) FROM {self.relation} WHERE source.{self._quoted(name)} IS NULL"  # noqa: S608
            )[0][0]
            if empty:
                raise SourceRefused(
                    f'The source "{self.name}" has {empty:,} rows with NULL in "{name}", by which it is read; '
                    f"fill it, leave them out (WHERE {name} IS NOT NULL), or {ANOTHER_QUERY}."
                )

    def _refuse_repeated_keys(self) -> None:
        """Where a batch ends between two of them, the second would be passed over."""
        repeated = self._fetch(
            f"SELECT {self._key_sql}, count(*) FROM {self.relation} "  # noqa: S608
            f"GROUP BY {self._key_sql} HAVING count(*) > 1 LIMIT 1"
        )
        if repeated:
            *key, times = repeated[0]
            raise SourceRefused(
                f'The source "{self.name}" has {_in_words(tuple(key))} {times:,} times in "{self._key[0]}", by which '
                f"it is read and which must be unique; {ANOTHER_QUERY}."
            )

    def _refuse_unusable_keys(self, keys: list[Key]) -> None:
        for key in keys:
            if not is_usable(key):
                raise SourceRefused(
                    f'The source "{self.name}" has the key {_in_words(key)} in "{", ".join(self._key)}", which is '
                    f"bytes and no text, so its place cannot be kept; {ANOTHER_QUERY}."
                )

    # Pieces of SQL

    def _select(
        self, columns: list[str], *, after: Key | None, upto: Key | None, limit: int
    ) -> list[tuple[Any, ...]]:
        where, values = self._between(after, upto)
        return self._fetch(
            f"SELECT {self._as_stored(columns)} FROM {self.relation} {where}"  # noqa: S608
            f"ORDER BY {self._key_sql} LIMIT {limit}",
            values,
        )

    def _count(self, *, after: Key | None, upto: Key | None) -> int:
        where, values = self._between(after, upto)
        return int(self._fetch(f"SELECT count(*) FROM {self.relation} {where}", values)[0][0])  # noqa: S608

    def _between(self, after: Key | None, upto: Key | None) -> tuple[str, list[Any]]:
        places = ", ".join(["%s"] * len(self._key))
        bounds: list[str] = []
        values: list[Any] = []
        for comparison, key in ((">", after), ("<=", upto)):
            if key is not None:
                bounds.append(f"({self._key_sql}) {comparison} ({places})")
                values.extend(key)
        return f"WHERE {' AND '.join(bounds)} " if bounds else "", values

    def _as_stored(self, columns: list[str]) -> str:
        """On SQLite, expressions: Django converts what is declared as a date or a boolean, and loses what is none."""
        if self.is_sqlite:
            return ", ".join(f"+source.{self._quoted(name)} AS c{n}" for n, name in enumerate(columns))
        return ", ".join(f"source.{self._quoted(name)}" for name in columns)

    def _fetch(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor, self._any_bytes_as_text():
            cursor.execute(sql, values)
            return cursor.fetchall()

    @contextlib.contextmanager
    def _any_bytes_as_text(self) -> Iterator[None]:
        """On SQLite, text may be any bytes. Those that are none concern their record, and not the whole fetch."""
        if not self.is_sqlite:
            yield
            return
        raw = self.connection.connection
        raw.text_factory = decoded
        try:
            yield
        finally:
            raw.text_factory = str

    def _quoted(self, name: str) -> str:
        return str(self.connection.ops.quote_name(name))

    def _primary_key(self, table: str) -> list[str]:
        with self.connection.cursor() as cursor:
            columns = self.connection.introspection.get_primary_key_columns(cursor, table)
        if not columns:
            raise SourceRefused(
                f'The source "{self.name}" has no primary key to read it by; '
                f"name a query with a unique first column in the spec's Meta.queries."
            )
        return list(columns)


def _in_words(key: Key | None) -> str:
    return shown(
        ", ".join(repr(bytes(part)) if isinstance(part, memoryview) else repr(part) for part in key or ())
    )
