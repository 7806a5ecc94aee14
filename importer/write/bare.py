"""Copies batches into a bare table, without indexes and keys: a copy of the target (`importer.fresh`), or one in which
records wait until it is decided which come first (`importer.gather`).

What a batch alone cannot tell, such as keys that occur twice, is found when all records are there.
"""

import polars as pl
from django.db import Error as DatabaseError
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from importer.batches import Cleaned
from importer.exceptions import OrderDecides
from importer.specs.mapping import Mapping
from importer.validate.target import Target
from importer.write.collisions.constraints import is_about_a_record, is_doubtful, refusal
from importer.write.comparison import NUMBER
from importer.write.copy import copy_frame
from importer.write.journal import Journal
from importer.write.row_frames import RowFrames
from importer.write.written import Written

# The column of a bare table that says which line of the source a row comes from.
LINE = "importer_line"


class BareWriter:
    """Writes the batches of one mapping into a bare table, whose quoted name is `table`.

    gathers  records only wait there, so they get no fate and no number of the target's
    """

    def __init__(
        self,
        mapping: Mapping,
        target: Target,
        table: str,
        *,
        gathers: bool = False,
        journal: Journal | None = None,
    ) -> None:
        self.mapping = mapping
        self.journal = journal
        self.gathers = gathers
        self.frames = RowFrames(mapping, target)
        self.statement_passes = False
        quote = connections[mapping.alias].ops.quote_name
        columns = ", ".join(map(quote, [*self.frames.columns, LINE]))
        self.copy_sql = f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)"

    def write(self, cleaned: Cleaned) -> Written:
        """Write the records without errors, and return their fates. Raises OrderDecides."""
        if self.gathers:
            self._refuse_missing_numbers(cleaned)
        rows = self.frames.rows(cleaned)
        lines = cleaned.batch.lines.gather(rows.get_column(NUMBER))
        return self._copied(rows.with_columns(lines.alias(LINE)))

    def _refuse_missing_numbers(self, cleaned: Cleaned) -> None:
        for serial in self.frames.serials:
            numbers = cleaned.values.get_column(serial.attname).gather(cleaned.sound())
            if numbers.null_count():
                raise OrderDecides("some records take the table's next number, which others may name")

    def _copied(self, rows: pl.DataFrame) -> Written:
        """Copy the rows; what the database refuses is narrowed down to single records by halves."""
        if rows.is_empty():
            return Written()
        try:
            with transaction.atomic(using=self.mapping.alias), self._cursor() as cursor:
                copy_frame(cursor, self.copy_sql, self.frames.numbered(cursor, rows).drop(NUMBER))
                if self.journal:
                    self.journal.mark(cursor)
        except DatabaseError as error:
            if not self._is_about_a_record(error, rows):
                raise
            if rows.height == 1:
                number, reason = int(rows[0, NUMBER]), refusal(self.mapping, error)
                return Written(errors={number: [reason]}, searched=1)
        else:
            return Written(gathered=rows.height) if self.gathers else Written(inserted=rows.height)
        half = rows.height // 2
        written = self._copied(rows.head(half))
        written.add(self._copied(rows.tail(rows.height - half)))
        return written

    def _is_about_a_record(self, error: DatabaseError, rows: pl.DataFrame) -> bool:
        """Whether the error is about one of these records. Raises the error of a COPY without any, if that fails."""
        if not is_about_a_record(error):
            return False
        if is_doubtful(error) and not self.statement_passes:
            with transaction.atomic(using=self.mapping.alias), self._cursor() as cursor:
                copy_frame(cursor, self.copy_sql, rows.head(0).drop(NUMBER))
            self.statement_passes = True
        return True

    def _cursor(self) -> CursorWrapper:
        return connections[self.mapping.alias].cursor()
