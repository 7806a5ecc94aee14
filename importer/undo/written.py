"""Finds the rows that a job wrote and that nobody has changed since, by the transactions that wrote them."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from django.db import connections, models
from django.db.backends.utils import CursorWrapper

from importer.exceptions import ImporterError
from importer.models import DataImportJob, ImportTransaction
from importer.validate.queries import quoted
from importer.write.journal import XIDS

Kind = ImportTransaction.Kind
# Whether a mark is where it was written, and its number not used a second time since.
VALID = """
SELECT count(*), count(*) FILTER (WHERE
    mod(xid, {xids}) = xmin::text::bigint AND pg_current_xact_id()::text::bigint - xid < {xids} / 2)
FROM {marks} WHERE job_id = %s
"""


class UndoRefused(ImporterError):
    """The job cannot be undone, or not any more."""


class WrittenRows:
    """The rows of one table that a job wrote."""

    def __init__(
        self, job: DataImportJob, model: type[models.Model], alias: str, kinds: Sequence[Kind]
    ) -> None:
        self.model = model
        self.connection = connections[alias]
        self.table = quoted(model._meta.db_table)
        self.key = quoted(str(model._meta.pk.column))
        marks = quoted(ImportTransaction._meta.db_table)
        wanted = ", ".join(f"'{kind}'" for kind in kinds)
        own = f"job_id = {int(job.pk)} AND kind IN ({wanted})"
        self.is_written = f"t.xmin IN (SELECT xmin FROM {marks} WHERE {own})"  # noqa: S608

    def count(self) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.table} AS t WHERE {self.is_written}")  # noqa: S608
            return int(cursor.fetchone()[0])

    def pages(self, size: int) -> Iterator[list[Any]]:
        """Yield the primary keys, the latest first: what refers to an earlier row of its table mostly came later."""
        self.connection.ensure_connection()
        # WITH HOLD: the pages are dealt with in transactions of their own.
        with closing(self.connection.connection.cursor("importer_undo", withhold=True)) as cursor:
            cursor.execute(
                f"SELECT {self.key} FROM {self.table} AS t WHERE {self.is_written} ORDER BY 1 DESC"  # noqa: S608
            )
            while page := cursor.fetchmany(size):
                yield [key for (key,) in page]

    def locked(self, cursor: CursorWrapper, keys: Sequence[Any]) -> list[Any]:
        """Return those of the keys whose rows are still as the job wrote them, and lock them until the commit."""
        return self._still_written(cursor, keys, "ORDER BY 1 FOR UPDATE")

    def among(self, cursor: CursorWrapper, keys: Sequence[Any]) -> list[Any]:
        """Return those of the keys whose rows are still as the job wrote them."""
        return self._still_written(cursor, keys, "")

    def _still_written(self, cursor: CursorWrapper, keys: Sequence[Any], rest: str) -> list[Any]:
        cursor.execute(
            f"SELECT {self.key} FROM {self.table} AS t WHERE {self.key} = ANY(%s) AND {self.is_written} {rest}",  # noqa: S608
            [list(keys)],
        )
        return [key for (key,) in cursor.fetchall()]


def verify_marks(job: DataImportJob, alias: str) -> None:
    """Raise UndoRefused if the marks of the job's transactions no longer lead to its rows."""
    with connections[alias].cursor() as cursor:
        cursor.execute(VALID.format(marks=quoted(ImportTransaction._meta.db_table), xids=XIDS), [job.pk])
        marks, valid = cursor.fetchone()
    if not marks and (job.inserted or job.updated):
        raise UndoRefused(
            f"Job {job.pk} was run by a version that did not remember which rows it wrote; it cannot be undone."
        )
    if valid < marks:
        raise UndoRefused(
            f"Job {job.pk} cannot be undone any more: the database was restored from a dump since, or has had two "
            f"billion transactions, so nothing tells its rows from others."
        )
