"""Reads a table or query of another configured database by ranges of its key, never by OFFSET."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl
from django.db import DatabaseError, DataError, connections, transaction

from importer.batches import Batch
from importer.budget import KEY_BYTES, QUERY_ROW_BYTES, records_within, too_long
from importer.conf import conf
from importer.exceptions import SourceChanged, SourceRefused
from importer.parse.reader import Range
from importer.parse.tables.keys import Key, are_plain, is_usable
from importer.parse.tables.names import (
    Parts,
    find_table,
    may_repeat_keys,
    primary_key,
    quoted,
    sqlite_names,
)
from importer.parse.tables.relation import Relation
from importer.parse.tables.rows import Fetcher, Rows
from importer.parse.tables.stored import expressions, key_expressions
from importer.parse.typed import as_bytes, as_json, as_text
from importer.records import RAW, Position, RecordError, Rejection, escaped, shown
from importer.specs.columns import SourceColumns
from importer.specs.registry import get_spec

NOT_JSON_YET = (bool, int, float, dict, list)
ANOTHER_QUERY = "name a query with a unique first column in the spec's Meta.queries"


class TableReader:
    """Reads a table, or a query: `table` is a table's name or the name of one of the spec's `Meta.queries`."""

    def __init__(self, alias: str, table: str, *, spec: str) -> None:
        self.connection = connections[alias]
        self.name = f"db:{alias}/{table}"
        self.spec = get_spec(spec)
        query = self.spec.options.queries.get(table)
        # A query is read by its first column, which therefore must be unique.
        self.is_query = query is not None
        try:
            # A savepoint, so that a name that no table has does not end the caller's transaction.
            with transaction.atomic(using=alias):
                parts = () if query else find_table(self.connection, table)
                sql = (
                    f"({query.rstrip().rstrip(';')}\n)"
                    if query
                    else ".".join(quoted(self.connection, part) for part in parts)
                )
                self.relation = self._relation(sql, parts)
                key = [] if query else self._primary_key(parts)
                self.may_repeat_keys = self.is_query or may_repeat_keys(self.connection, parts)
        except DatabaseError as error:
            raise SourceRefused(
                f'The source "{self.name}" cannot be read: {str(error).splitlines()[0]}.'
            ) from None
        if self.is_query:
            self._refuse_columns_of_one_name()
        self._columns = self.relation.columns
        self._key = key or self._columns[:1]
        self.relation.order_by(self._key, key_expressions(self.connection, parts, self._key))
        self.fetcher = Fetcher(self.relation)
        self._key_indexes = [self._columns.index(name) for name in self._key]

    def _relation(self, sql: str, table: Parts) -> Relation:
        # A refusal must not end a transaction that others have begun on this connection.
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {sql} AS source WHERE 1 = 0")  # noqa: S608 (quoted, or the spec's own)
            description = cursor.description or ()
        columns = [column[0] for column in description]
        if table and self.connection.vendor == "sqlite":
            columns = sqlite_names(self.connection, table)
        types = [column[1] for column in description]
        source_columns = SourceColumns.of(self.spec, columns)
        self._json_columns, self._bytes_columns = (
            source_columns.json_columns(),
            source_columns.bytes_columns(),
        )
        return Relation(
            self.connection,
            sql,
            columns=columns,
            types=types,
            expressions=expressions(
                self.connection, columns, types, json=self._json_columns, bytes_=self._bytes_columns
            ),
            is_query=self.is_query,
        )

    def close(self) -> None:
        """Do nothing: the connection is Django's, and may be the one that writes."""

    def columns(self) -> list[str]:
        return self._columns

    def ranges(self) -> Iterator[Range]:
        """Cut ranges at every n-th key, in one ordered scan of the keys."""
        self._refuse_empty_keys()
        if self.may_repeat_keys:
            self._refuse_repeated_keys()
        self._refuse_long_keys(self.relation.longest_key())
        start_key: Key | None = None
        start = 0
        while True:
            number, end_key = self._pass_over_keys(start_key)
            if end_key is None:
                return
            if end_key == start_key:
                raise SourceRefused(
                    f'The source "{self.name}" has {_shown_key(end_key)} in its key "{", ".join(self._key)}", which '
                    f"the database does not find again; {ANOTHER_QUERY}."
                )
            yield Range(start, start + number, start + 1, start_key, end_key)
            start, start_key = start + number, end_key

    def _pass_over_keys(self, after: Key | None) -> tuple[int, Key | None]:
        """Return how many keys the next range has, and its last key (None: no keys are left)."""
        number, last = 0, None
        try:
            for keys in self.relation.keys(after, limit=conf.CHUNK_RECORDS):
                for key in () if are_plain(keys) else keys:
                    self._refuse_unusable_key(key)
                number, last = number + len(keys), tuple(keys[-1])
        except DataError:
            if self.relation.vendor != "sqlite":  # PostgreSQL was asked for the longest key before
                raise
            if self.is_query:
                raise SourceRefused(
                    f'The source "{self.name}" has a row of more than {QUERY_ROW_BYTES:,} bytes; exclude it (WHERE).'
                ) from None
            self._refuse_long_keys(KEY_BYTES + 1)
        return number, last

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        limit = records_within(self._columns, limit)
        after = start.key if start.key is not None else end.start_key
        rows = self.fetcher.rows(after, end.end_key, limit=limit)
        number = len(rows.sizes)
        stop = start.offset + number
        key = tuple(rows.columns[index][-1] for index in self._key_indexes) if number else end.end_key
        if stop > end.end_offset or (stop == end.end_offset and self.relation.count(key, end.end_key)):
            surplus = start.offset + self.relation.count(after, end.end_key) - end.end_offset
            raise SourceChanged(
                f'The source "{self.name}" has {surplus:,} rows more than were planned, up to the key '
                f"{_shown_key(end.end_key)}; create a new job for it."
            )
        if (rows.whole and number < limit) or stop == end.end_offset:
            # Rows may have been deleted since the plan; the range is done nevertheless.
            stop, key = end.end_offset, end.end_key
        return self._batch(rows, start, Position(stop, start.line + number, key))

    def _batch(self, rows: Rows, start: Position, end: Position) -> Batch:
        lines = pl.int_range(start.line, end.line, eager=True)
        texts = self._as_frame(rows.columns)
        rejections = []
        if rows.sizes and max(rows.sizes) > conf.MAX_RECORD_BYTES:
            sizes = pl.Series(rows.sizes, dtype=pl.Int64)
            is_short = sizes <= conf.MAX_RECORD_BYTES
            rejections = [self._too_long(rows, start, index) for index in (~is_short).arg_true()]
            texts, lines = texts.filter(is_short), lines.filter(is_short)
        return Batch(texts, lines, start, end, rejections)

    def _too_long(self, rows: Rows, start: Position, index: int) -> Rejection:
        key = {self._columns[n]: escaped(as_text(rows.columns[n][index]) or "") for n in self._key_indexes}
        error = RecordError("", "record_too_long", too_long(int(rows.sizes[index])))
        return Rejection(start.line + index, key | {RAW: ""}, (error,))

    def _as_frame(self, columns: list[Sequence[Any]]) -> pl.DataFrame:
        columns = columns or [()] * len(self._columns)
        return pl.DataFrame(
            {
                name: _texts(values, self._writer(name))
                for name, values in zip(self._columns, columns, strict=True)
            },
            schema=dict.fromkeys(self._columns, pl.String()),
        )

    def _writer(self, name: str) -> Callable[[Any], str | None]:
        """Return the function that writes a column's values as text.

        Databases return JSON as text; another type in a JSON column becomes JSON.
        """
        if name in self._bytes_columns:
            return as_bytes
        nulls = self._json_columns.get(name)
        if nulls is None:
            return as_text
        return lambda value: as_json(value, nulls) if isinstance(value, NOT_JSON_YET) else as_text(value)

    # Refusals

    def _refuse_columns_of_one_name(self) -> None:
        names = self.relation.columns
        if self.relation.vendor == "sqlite":  # which calls a second column "name" "name:1"
            names = [re.sub(r"^(.+):\d+$", r"\1", name) for name in names]
        for name in names:
            if names.count(name) > 1:
                raise SourceRefused(
                    f'The source "{self.name}" has the column "{name}" more than once; rename one (AS).'
                )

    def _refuse_empty_keys(self) -> None:
        """Raise SourceRefused for NULL in a key: no comparison finds such rows, so they would be skipped."""
        for name in self._key:
            empty = self.relation.fetch(
                f"SELECT count(*) FROM {self.relation.sql} WHERE {self.relation.value(name)} IS NULL"  # noqa: S608
            )[0][0]
            if empty:
                raise SourceRefused(
                    f'The source "{self.name}" has {empty:,} rows with NULL in its key "{name}"; '
                    f"fill it, exclude them (WHERE {name} IS NOT NULL), or {ANOTHER_QUERY}."
                )

    def _refuse_repeated_keys(self) -> None:
        """Raise SourceRefused for repeated keys: if a batch ends between two of them, the second would be skipped."""
        repeated = self.relation.fetch(
            f"SELECT {self.relation.key_sql}, count(*) FROM {self.relation.sql} "  # noqa: S608
            f"GROUP BY {self.relation.key_sql} HAVING count(*) > 1 LIMIT 1"
        )
        if repeated:
            *key, times = repeated[0]
            names = ", ".join(self._key)
            raise SourceRefused(
                f'The source "{self.name}" has {_shown_key(tuple(key))} {times:,} times in its key "{names}", '
                f"which must be unique; {ANOTHER_QUERY}."
            )

    def _refuse_unusable_key(self, key: Key) -> None:
        if not is_usable(key):
            raise SourceRefused(
                f'The source "{self.name}" has {_shown_key(key)} in its key "{", ".join(self._key)}", which '
                f"the ledger cannot store; {ANOTHER_QUERY}."
            )
        self._refuse_long_keys(max(len(part) if isinstance(part, str) else 0 for part in key))

    def _refuse_long_keys(self, longest: int) -> None:
        """Raise SourceRefused for long keys: the ledger stores two for each range."""
        if longest > KEY_BYTES:
            raise SourceRefused(
                f'The source "{self.name}" has a value of more than {KEY_BYTES:,} bytes in its key '
                f'"{", ".join(self._key)}"; {ANOTHER_QUERY}.'
            )

    def _primary_key(self, table: Parts) -> list[str]:
        columns = primary_key(self.connection, table)
        if not columns:
            raise SourceRefused(
                f'The source "{self.name}" has no primary key; '
                f"name a query with a unique first column in the spec's Meta.queries."
            )
        return columns


def _texts(values: Sequence[Any], write: Callable[[Any], str | None]) -> Sequence[str | None]:
    """Write values as text. Texts and integers look alike in columns of all kinds, so they need no writer."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return values
    if kinds == {int}:
        return [None if value is None else str(value) for value in values]
    return list(map(write, values))


def _shown_key(key: Key | None) -> str:
    return shown(
        ", ".join(repr(bytes(part)) if isinstance(part, memoryview) else repr(part) for part in key or ())
    )
