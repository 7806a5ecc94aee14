"""Puts rows back as they were before a job changed them."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections, transaction

from importer.exceptions import first_line
from importer.models import BeforeImage, DataImportJob
from importer.undo.delete import Deleted
from importer.undo.written import WrittenRows
from importer.validate.queries import names_of, quoted
from importer.work.retry import is_transient

# Columns of a table that an UPDATE may set.
SETTABLE = """
SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum
"""


class Restoration:
    """Restores rows of one table from the images that the job has kept, in the caller's transaction."""

    def __init__(self, job: DataImportJob, written: WrittenRows) -> None:
        self.job = job
        self.written = written
        self.alias = written.connection.alias
        self.images = BeforeImage.objects.using(self.alias).filter(job=job)
        with connections[self.alias].cursor() as cursor:
            columns = names_of(cursor, SETTABLE, [written.table])
        self.columns = ", ".join(columns)
        self.values = ", ".join(f"(image).{column}" for column in columns)

    def count(self) -> int:
        """Return how many rows can be restored."""
        table, key, images = self.written.table, self.written.key, quoted(BeforeImage._meta.db_table)
        with connections[self.alias].cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {table} AS t JOIN {images} AS kept ON kept.key = t.{key}::text "  # noqa: S608
                f"WHERE job_id = %s AND {self.written.is_written}",
                [self.job.pk],
            )
            return int(cursor.fetchone()[0])

    def pages(self, size: int) -> Iterator[list[str]]:
        """Yield the primary keys of the images as texts, page by page."""
        last = 0
        while page := list(self.images.filter(pk__gt=last).order_by("pk").values_list("pk", "key")[:size]):
            last = page[-1][0]
            yield [key for _, key in page]

    def restore(self, keys: Sequence[str]) -> Deleted:
        """Restore the rows with these keys, and drop their images. Those that cannot be are narrowed down by halves."""
        if not keys:
            return Deleted()
        try:
            with transaction.atomic(using=self.alias), connections[self.alias].cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                return self._restored(cursor, keys)
        except DatabaseError as error:
            if is_transient(error):
                raise
            if len(keys) == 1:
                return Deleted(refused=1, reasons={keys[0]: first_line(error)})
        half = len(keys) // 2
        restored = self.restore(keys[:half])
        restored.add(self.restore(keys[half:]))
        return restored

    def _restored(self, cursor: Any, keys: Sequence[str]) -> Deleted:
        table, key = self.written.table, self.written.key
        images = quoted(BeforeImage._meta.db_table)
        cursor.execute(
            f"UPDATE {table} AS t SET ({self.columns}) = ROW({self.values}) "  # noqa: S608
            f"FROM (SELECT jsonb_populate_record(NULL::{table}, row) AS image FROM {images} "
            f"WHERE job_id = %s AND key = ANY(%s)) AS kept "
            f"WHERE t.{key} = (image).{key} AND {self.written.is_written} RETURNING t.{key}::text",
            [self.job.pk, list(keys)],
        )
        restored = [found for (found,) in cursor.fetchall()]
        self.images.filter(key__in=restored).delete()
        left = [key for key in keys if key not in set(restored)]
        return Deleted(
            len(restored), refused=len(left), reasons=dict.fromkeys(left, "it was changed or deleted since")
        )
