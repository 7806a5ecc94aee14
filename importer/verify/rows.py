"""Reads the rows of the target, each with what is known of who wrote it."""

import enum

from django.db.backends.utils import CursorWrapper

from importer.models import DataImportJob, ImportTransaction
from importer.specs.mapping import Mapping
from importer.undo.written import UndoRefused, verify_marks
from importer.validate.queries import quoted
from importer.validate.target import Target, rows_of

# Columns that the subquery adds: a `Writer`, and the transaction that wrote the row.
WRITER, XMIN = "importer_writer", "importer_xmin"
MARKS = quoted(ImportTransaction._meta.db_table)


class Writer(enum.IntEnum):
    """Who wrote a row as it is now. Of a row in several tables, the highest of its parts."""

    BEFORE = 0  # it was there before the job, which left it as it was
    JOB = 1
    SINCE = 2  # somebody else, after the job had begun


class TargetRows:
    """The rows of a mapping's model, as SQL.

    knows_writers  whether PostgreSQL still tells which rows the job wrote
    """

    def __init__(self, job: DataImportJob, mapping: Mapping, target: Target, cursor: CursorWrapper) -> None:
        self.job, self.mapping = job, mapping
        self.is_plain = all(table.is_plain for table in target.tables)
        self.knows_writers = self.is_plain and self._has_marks()
        # The first transaction of the job, counted back from this one; a row that is older was there before.
        self.age = self._age(cursor) if self.knows_writers else None
        names = [quoted(str(table._meta.db_table)) for table in mapping.tables]
        writer = f"greatest({', '.join(map(self._writer, names))})" if self.knows_writers else "NULL::int"
        xmin = f"{names[-1]}.xmin" if self.is_plain else "NULL::xid"
        self.sql = rows_of(mapping.model, mapping.alias, f", {writer} AS {WRITER}, {xmin} AS {XMIN}")

    def _has_marks(self) -> bool:
        try:
            verify_marks(self.job, self.mapping.alias)
        except UndoRefused:
            return False
        return True

    def _age(self, cursor: CursorWrapper) -> int | None:
        """Return the age of the job's first transaction, as `age()` counts it within this one; None: it wrote none."""
        age = "pg_current_xact_id()::text::bigint - min(xid)"
        cursor.execute(f"SELECT {age} FROM {MARKS} WHERE job_id = %s", [self.job.pk])
        return cursor.fetchone()[0]

    def _writer(self, table: str) -> str:
        if self.age is None:
            return f"{Writer.BEFORE:d}"
        own = f"SELECT xmin FROM {MARKS} WHERE job_id = {int(self.job.pk)}"
        return (
            f"CASE WHEN age({table}.xmin) > {self.age} THEN {Writer.BEFORE:d} "
            f"WHEN {table}.xmin IN ({own}) THEN {Writer.JOB:d} ELSE {Writer.SINCE:d} END"
        )

    def later_job(self, xmin: str) -> str:
        """Return the query for the other job that wrote a row."""
        return f"(SELECT min(m.job_id) FROM {MARKS} AS m WHERE m.xmin = {xmin} AND m.job_id <> {int(self.job.pk)})"
