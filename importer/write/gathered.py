"""Holds the records of all workers in one table, as they are sent, until it is decided which come first.

The rows lie there with the lines of the source, in whose order they are read, a part at a time.
"""

from dataclasses import dataclass

import polars as pl
from django.db import connections
from django.db.backends.utils import CursorWrapper

from importer.conf import conf
from importer.specs.mapping import Mapping
from importer.validate.queries import quoted
from importer.validate.target import Target
from importer.write.bare import LINE
from importer.write.comparison import NUMBER
from importer.write.copy import column_of

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Gathered:
    """The table of gathered records, whose quoted name is `table`."""

    table: str
    mapping: Mapping

    def create(self, cursor: CursorWrapper, target: Target) -> None:
        columns = {f: target.of_field(f) for f in self.mapping.written}
        types = ", ".join(
            f"{quoted(column_of(f))} {column.sent_as or column.type}" for f, column in columns.items()
        )
        # It is read once and dropped, so there is nothing to vacuum.
        cursor.execute(
            f"CREATE TABLE {self.table} ({LINE} bigint, {types}) WITH (autovacuum_enabled = false)"
        )

    def last_line(self, cursor: CursorWrapper, first: int, before: int | None) -> int | None:
        """Return the last line from `first` on, `before` another one; None if there is none."""
        until = "" if before is None else f" AND {LINE} < {before}"
        cursor.execute(f"SELECT max({LINE}) FROM {self.table} WHERE {LINE} >= {first}{until}")
        line = cursor.fetchone()[0]
        return None if line is None else int(line)

    def part(self, cursor: CursorWrapper, first: int, last: int, limit: int) -> tuple[int, int]:
        """Return the last line of the next part, of at most `limit` records, and how many it has."""
        cursor.execute(
            f"SELECT max({LINE}), count(*) FROM (SELECT {LINE} FROM {self.table} "
            f"WHERE {LINE} BETWEEN {first} AND {last} ORDER BY {LINE} LIMIT {limit}) AS part"
        )
        line, records = cursor.fetchone()
        return int(line), int(records)

    def source(self, first: int, last: int) -> str:
        """Return the FROM clause of the records of these lines, in order."""
        return f"FROM {self.table} WHERE {LINE} BETWEEN {first} AND {last} ORDER BY {LINE}"

    def rows(self, first: int, last: int) -> tuple[pl.DataFrame, list[int]]:
        """Return the records from `first` on as rows of text, and their lines; fewer if they are large."""
        names = [column_of(f) for f in self.mapping.written]
        texts = ", ".join(f"{quoted(name)}::text" for name in names)
        found: list[tuple[str | None, ...]] = []
        lines: list[int] = []
        room = conf.BATCH_MAX_BYTES
        with connections[self.mapping.alias].chunked_cursor() as cursor:
            cursor.execute(f"SELECT {LINE}, {texts} {self.source(first, last)}")
            while room > 0 and (some := cursor.fetchmany(ROWS_AT_ONCE)):
                lines += [row[0] for row in some]
                found += [row[1:] for row in some]
                room -= sum(len(text) for row in some for text in row[1:] if text is not None)
        schema = [(str(number), pl.String()) for number in range(len(names))]
        frame = pl.DataFrame(found, schema=schema, orient="row")
        frame.columns = names
        numbers = pl.int_range(frame.height, eager=True, dtype=pl.Int64).alias(NUMBER)
        return frame.select(numbers, pl.all()), lines
