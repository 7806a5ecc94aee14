"""Builds, from cleaned records, the rows that are written: their columns in writing order, as text for PostgreSQL."""

import polars as pl
from django.db import Error as DatabaseError
from django.db import connections, models, transaction
from django.db.backends.utils import CursorWrapper

from importer.batches import Cleaned, column_named
from importer.specs.mapping import Fill, Mapping
from importer.validate.target import Target
from importer.validate.values.encode import Encoder
from importer.write.collisions.constraints import is_about_a_record
from importer.write.comparison import NUMBER
from importer.write.copy import column_of


class RowFrames:
    """Builds the rows of one mapping. `draws_numbers`: empty numbers become the table's next ones."""

    def __init__(self, mapping: Mapping, target: Target, *, draws_numbers: bool = True) -> None:
        self.mapping = mapping
        self.target = target
        self.columns = [column_of(f) for f in mapping.written]
        self.connection = connections[mapping.alias]
        self.encoder = Encoder(self.connection)
        # A column that is no float gets the digits of Python's float, not those of the source.
        self.floats = [
            f for f in mapping.written if isinstance(f, models.FloatField) and target.of_field(f).sent_as
        ]
        serials = [f for f in mapping.mapped if isinstance(f, models.AutoField)]
        self.serials = serials if draws_numbers else []

    def rows(self, cleaned: Cleaned) -> pl.DataFrame:
        """Return the records without errors: their number in the batch, then their columns in writing order."""
        mapping, sound = self.mapping, cleaned.sound()
        present = [f for f in mapping.written if f.attname in cleaned.values.columns]
        values = cleaned.values.select(pl.col(f.attname).alias(column_of(f)) for f in present)
        if len(sound) < values.height:
            values = values[sound]
        fills = [fill for fill in mapping.fills if fill.field not in present]
        filled = [self._filled(fill, values.height) for fill in fills]
        rows = values.with_columns(filled).select(sound.alias(NUMBER), *map(column_named, self.columns))
        if self.floats:
            rows = rows.with_columns(_as_sent(rows.get_column(column_of(f))) for f in self.floats)
        return self._with_numbers(rows) if self.serials else rows

    def _with_numbers(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Draw numbers for all rows at once, so that each keeps its own however often it is tried.

        Where the sequence has not enough left, `numbered` draws for fewer rows, when they are written.
        """
        try:
            with transaction.atomic(using=self.mapping.alias), self.connection.cursor() as cursor:
                return self.numbered(cursor, rows)
        except DatabaseError as error:
            if not is_about_a_record(error):
                raise
            return rows

    def numbered(self, cursor: CursorWrapper, rows: pl.DataFrame) -> pl.DataFrame:
        """Replace empty numbers by the next values of the column's default, as an INSERT without the column would.

        Raises what the database raises, as where a sequence has no number left.
        """
        for serial in self.serials:
            name = column_of(serial)
            column = rows.get_column(name).alias("numbers")  # its own name may be taken for a pattern
            empty = column.is_null().arg_true()
            if empty.is_empty():
                continue
            default = self.target.of_field(serial).default
            cursor.execute(f"SELECT ({default or 'NULL'})::text FROM generate_series(1, {len(empty)})")
            numbers = [row[0] for row in cursor.fetchall()]
            rows = rows.with_columns(column.scatter(empty, numbers).alias(name))
        return rows

    def _filled(self, fill: Fill, height: int) -> pl.Series | pl.Expr:
        name, encode = column_of(fill.field), self.encoder.field_text
        if fill.per_record:
            values = [encode(fill.field, fill.make()) for _ in range(height)]
            return pl.Series(name, values, dtype=pl.String)
        return pl.lit(encode(fill.field, fill.make()), dtype=pl.String).alias(name)


def _as_sent(texts: pl.Series) -> pl.Series:
    """Return floats as Python writes them, as psycopg sends them."""
    values = texts.unique().drop_nulls().to_list()
    sent = {text: repr(float(text)) for text in values}
    return pl.Series(texts.name, [sent.get(text) for text in texts.to_list()], dtype=pl.String)
