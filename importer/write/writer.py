"""Write: from judged records to rows of the target table, within the caller's transaction.

Two ways. Where a job only inserts, COPY goes straight into the target, in the hope that nothing collides. Otherwise,
or where something did, the batch goes into a temporary table first, is compared with the target there as a set, and
each collision becomes a rejection of its own. What the database refuses beyond that is narrowed down by halves to the
single record.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from django.db import DataError, IntegrityError, InternalError, connections, models, transaction
from psycopg import Error as PsycopgError

from importer.records import Counts, RecordError, escaped
from importer.specs.mapping import Fill, Mapping
from importer.validate.lanes import AnyField
from importer.validate.validate import Judged
from importer.write.batch_table import NUMBER, Staging
from importer.write.constraints import constraint_code
from importer.write.copy import copy_frame
from importer.write.sample import Sample

REFUSALS = (DataError, IntegrityError, InternalError)
# After a collision, how many batches go by way of the temporary table before COPY is trusted again.
BATCHES_OF_CAUTION = 8


@dataclass(slots=True)
class Written:
    """Fates of a batch's sound records; `errors` has those that were not written, by record number.

    `searched`: how many of them were found by halves, which costs a search for each.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: dict[int, list[RecordError]] = field(default_factory=dict)
    searched: int = 0

    def counts(self, *, rejected: int) -> Counts:
        fates = (self.inserted, self.updated, self.unchanged, self.skipped, rejected)
        return Counts(sum(fates), *fates)


class Writer:
    """Writes the batches of one mapping on one connection."""

    def __init__(self, mapping: Mapping, sample: Sample | None = None) -> None:
        self.mapping = mapping
        self.sample = sample
        self.connection = connections[mapping.alias]
        self.staging = Staging(mapping, f"importer_stage_{uuid.uuid4().hex[:12]}", sample)
        self.caution = 0
        quote = self.connection.ops.quote_name
        self.table = quote(mapping.model._meta.db_table)
        self.columns = [column_of(f) for f in mapping.written]
        self.serials = [f for f in mapping.mapped if isinstance(f, models.AutoField)]
        self.copy_sql = f"COPY {self.table} ({', '.join(map(quote, self.columns))}) FROM STDIN (FORMAT csv)"

    def write(self, judged: Judged) -> Written:
        rows = self._rows(judged)
        written = Written()
        if rows.is_empty():
            return written
        if self._may_copy(rows) and self._copied(rows):
            written.inserted = rows.height
        else:
            self._settle(rows, written)
        return written

    def _rows(self, judged: Judged) -> pl.DataFrame:
        """The sound records' columns in writing order, behind their number in the batch."""
        mapping, sound = self.mapping, judged.sound()
        judged_fields = [f for f in mapping.written if f.attname in judged.values.columns]
        values = judged.values.select(pl.col(f.attname).alias(column_of(f)) for f in judged_fields)
        if len(sound) < values.height:
            values = values[sound]
        values = values.with_columns(self._numbered(f, values) for f in self.serials)
        fills = [fill for fill in mapping.fills if fill.field not in judged_fields]
        filled = [self._filled(fill, values.height) for fill in fills]
        return values.with_columns(filled).select(sound.alias(NUMBER), *self.columns)

    def _numbered(self, serial: AnyField, values: pl.DataFrame) -> pl.Series:
        """An empty number becomes the next one of the table's sequence, as in an INSERT without it."""
        column = values.get_column(column_of(serial))
        empty = column.is_null().arg_true()
        if empty.is_empty():
            return column
        table = self.mapping.model._meta.db_table
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s))::text FROM generate_series(1, %s)",
                [self.connection.ops.quote_name(table), column.name, len(empty)],
            )
            numbers = [row[0] for row in cursor.fetchall()]
        return column.scatter(empty, numbers)

    def _filled(self, fill: Fill, height: int) -> pl.Series | pl.Expr:
        name, encode = column_of(fill.field), self.mapping.encoder.field_text
        if fill.per_record:
            values = [encode(fill.field, fill.make()) for _ in range(height)]
            return pl.Series(name, values, dtype=pl.String)
        return pl.lit(encode(fill.field, fill.make()), dtype=pl.String).alias(name)

    # Straight into the target

    def _may_copy(self, rows: pl.DataFrame) -> bool:
        mapping = self.mapping
        if self.caution:
            self.caution -= 1
            return False
        if (
            self.sample is not None
            or mapping.on_conflict != "reject"
            or (mapping.key and not mapping.key_is_unique)
            or len(self.columns) < 2
        ):
            return False
        for group in mapping.unique_groups:
            names = [column_of(f) for f in group]
            keys = rows.select(names).drop_nulls()
            if keys.height > 1 and keys.is_duplicated().any():
                return False
        return True

    def _copied(self, rows: pl.DataFrame) -> bool:
        try:
            with transaction.atomic(using=self.mapping.alias), self.connection.cursor() as cursor:
                copy_frame(cursor, self.copy_sql, rows.drop(NUMBER))
        except REFUSALS:
            self.caution = BATCHES_OF_CAUTION
            return False
        return True

    # By way of the temporary table

    def _settle(self, rows: pl.DataFrame, written: Written, *, are_apart: bool = False) -> None:
        try:
            with transaction.atomic(using=self.mapping.alias), self.connection.cursor() as cursor:
                outcome = self.staging.settle(cursor, rows, are_apart=are_apart)
        except REFUSALS as error:
            if rows.height == 1:
                written.errors[int(rows[0, NUMBER])] = [self._refusal(error)]
                written.searched += 1
                return
            half = rows.height // 2
            self._settle(rows.head(half), written, are_apart=are_apart)
            self._settle(rows.tail(rows.height - half), written, are_apart=are_apart)
            return
        written.inserted += outcome.inserted
        written.updated += outcome.updated
        written.unchanged += outcome.unchanged
        written.skipped += outcome.skipped
        for number, errors in outcome.errors.items():
            written.errors.setdefault(number, []).extend(errors)
        for numbers in outcome.entangled:
            self._settle(rows.filter(pl.col(NUMBER).is_in(numbers)), written, are_apart=True)

    def _refusal(self, error: Exception) -> RecordError:
        """What the database said about a single record, in the constraint's own words where it has some."""
        cause = error.__cause__
        diagnosis = cause.diag if isinstance(cause, PsycopgError) else None
        name = diagnosis.constraint_name if diagnosis else None
        for constraint in self.mapping.constraints:
            if name and constraint.name == name:
                return RecordError(
                    "", constraint_code(constraint), str(constraint.get_violation_error_message())
                )
        state = diagnosis.sqlstate if diagnosis and diagnosis.sqlstate else ""
        message = (diagnosis.message_primary if diagnosis else None) or str(error)
        field_name = self._field_of(diagnosis.column_name if diagnosis else None)
        codes = {"23505": "unique", "23503": "does_not_exist", "23514": "check", "23502": "null"}
        return RecordError(
            field_name, codes.get(state, "database"), escaped(f"The database refuses it: {message}.")
        )

    def _field_of(self, column: str | None) -> str:
        return next((f.name for f in self.mapping.written if column and column_of(f) == column), "")


def column_of(model_field: Any) -> str:
    return str(model_field.column)
