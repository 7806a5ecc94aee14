"""Defines the chunks of a job: ranges of its source that never change, and how far each is done."""

import datetime as dt
import json
from typing import Any

from django.db import models, router
from django.db.models import F, Q
from django.utils.duration import duration_iso_string

from importer.models.jobs import Counters, DataImportJob
from importer.naming import index, table


class KeyEncoder(json.JSONEncoder):
    """Writes times in full (Django's encoder cuts them to milliseconds) and other values as a database reads them."""

    def default(self, o: Any) -> str:
        if isinstance(o, dt.date | dt.time):
            return o.isoformat()
        if isinstance(o, dt.timedelta):
            return duration_iso_string(o)
        if isinstance(o, bytes | bytearray | memoryview):
            raise TypeError("bytes cannot be stored as text that a database reads back unchanged")
        return str(o)


class ImportChunk(Counters):
    """A range of the source that never changes, and how far it is done.

    `committed_*` moves in the transaction that writes the records, so it is correct after any crash.
    Offsets count bytes in text files and records in Parquet; `*_key` are the bounds of a table's range.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"

    job = models.ForeignKey(DataImportJob, on_delete=models.CASCADE, related_name="chunks")
    number = models.IntegerField()
    start_offset = models.BigIntegerField()
    end_offset = models.BigIntegerField()
    first_line = models.BigIntegerField()
    start_key = models.JSONField(null=True, encoder=KeyEncoder)
    end_key = models.JSONField(null=True, encoder=KeyEncoder)

    committed_offset = models.BigIntegerField()
    committed_line = models.BigIntegerField()
    committed_key = models.JSONField(null=True, encoder=KeyEncoder)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    gathered = models.BigIntegerField(
        default=0, help_text="Records that wait in a table of their own, and have no fate yet."
    )

    lease_owner = models.CharField(max_length=200, blank=True)
    lease_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0, help_text="Claims since the cursor last moved.")
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = table("data_import_chunks")
        verbose_name = "import chunk"
        constraints = [
            models.UniqueConstraint(
                fields=["job", "number"], name=index("data_import_chunks_job_number_unique")
            ),
            models.CheckConstraint(
                condition=Q(start_offset__lte=F("committed_offset"))
                & Q(committed_offset__lte=F("end_offset")),
                name=index("data_import_chunks_cursor_inside"),
            ),
            models.CheckConstraint(
                condition=Q(
                    read=F("inserted") + F("updated") + F("unchanged") + F("skipped") + F("rejected")
                ),
                name=index("data_import_chunks_every_record_has_a_fate"),
            ),
        ]

    def __str__(self) -> str:
        return f"chunk {self.number} of job {self.job_id}"


def ledger_alias() -> str:
    return router.db_for_write(ImportChunk)


# Chunks are numbered from 1. Chunk 0 keeps the counts of records that were set aside and settled at the end.
SETTLEMENT = 0
