"""Remembers which transactions wrote a job's rows, so that undo finds the rows again (`ImportTransaction`)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from importer.models import BeforeImage, ImportTransaction

Kind = ImportTransaction.Kind
# So many numbers of transactions are there, before they are used anew.
XIDS = 2**32
BEFORE = BeforeImage._meta.db_table


class Journal:
    """Marks the savepoints in which rows of a job are written.

    kind         of what is inserted: rows of the target, or parents that lookups create
    keeps_before  keep rows as they were before the job changes them
    """

    def __init__(
        self, job_id: int, alias: str, *, kind: Kind = Kind.INSERTED, keeps_before: bool = False
    ) -> None:
        self.job_id = job_id
        self.alias = alias
        self.kind = kind
        self.keeps_before = keeps_before
        self._has_inserted = False
        quote = connections[alias].ops.quote_name
        self.table, self.before = quote(ImportTransaction._meta.db_table), quote(BEFORE)
        # The condition for rows `t` that this job has inserted, and nobody has changed since.
        self.is_own = (
            f"t.xmin IN (SELECT xmin FROM {self.table} WHERE job_id = {job_id} AND kind <> '{Kind.UPDATED}')"
        )

    def mark(self, cursor: CursorWrapper, kind: Kind | None = None) -> None:
        """Mark the innermost savepoint, after it has written rows."""
        cursor.execute(
            f"INSERT INTO {self.table} (job_id, kind, xid) "
            "VALUES (%s, %s, pg_current_xact_id()::text::bigint) RETURNING id",
            [self.job_id, kind or self.kind],
        )
        # A savepoint's number is a little above its transaction's, and only a row that is there tells it.
        cursor.execute(
            f"UPDATE {self.table} SET xid = xid + mod(xmin::text::bigint - mod(xid, {XIDS}) + {XIDS}, {XIDS}) "
            "WHERE id = %s",
            [cursor.fetchone()[0]],
        )

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Give what follows a transaction number of its own, apart from what was written before."""
        with transaction.atomic(using=self.alias):
            yield

    def keep(self, cursor: CursorWrapper, chosen: str, *, key: str) -> None:
        """Keep rows as they are (`t` of the query's `FROM` part), unless they are already as this job has made them.

        Where somebody else has changed a row since the job did, that is what undo puts back.
        """
        cursor.execute(
            f"INSERT INTO {self.before} (job_id, key, row) "
            f"SELECT DISTINCT ON ({key}) {self.job_id}, {key}::text, to_jsonb(t) FROM {chosen} "
            f"AND t.xmin NOT IN (SELECT xmin FROM {self.table} WHERE job_id = {self.job_id}) "
            "ON CONFLICT (job_id, key) DO UPDATE SET row = excluded.row"
        )

    def has_inserted(self, cursor: CursorWrapper, table: str) -> bool:
        """Whether the job may have inserted rows that it now changes itself. False without the right to tell them."""
        if not self._has_inserted:
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {self.table} WHERE job_id = %s AND kind <> %s) "
                "AND has_table_privilege(%s, 'SELECT')",
                [self.job_id, Kind.UPDATED, table],
            )
            self._has_inserted = bool(cursor.fetchone()[0])
        return self._has_inserted
