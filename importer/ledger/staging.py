"""Writes the table of records set aside: rejected ones, and repeated keys left for the end."""

import json
from collections.abc import Sequence

import polars as pl
from django.db import connections
from django.utils import timezone

from importer.models import StagingRecord, ledger_alias
from importer.records import Rejection
from importer.write.copy import copy_frame


def set_aside(job_id: int, chunk_id: int, rejections: Sequence[Rejection], *, state: str) -> None:
    """Store records that were not written, with COPY, because a whole batch may be rejected.

    `state` is a `StagingRecord.State`.
    """
    if not rejections:
        return
    now = timezone.now().isoformat()
    frame = pl.DataFrame(
        {
            "line": [str(rejection.line) for rejection in rejections],
            "raw": [json.dumps(rejection.raw, ensure_ascii=False) for rejection in rejections],
            "errors": [json.dumps([e.as_dict() for e in r.errors], ensure_ascii=False) for r in rejections],
        }
    ).with_columns(
        job_id=pl.lit(str(job_id)), chunk_id=pl.lit(str(chunk_id)), state=pl.lit(state), now=pl.lit(now)
    )
    frame = frame.select(
        "job_id",
        "chunk_id",
        "line",
        "raw",
        "errors",
        "state",
        created_at=pl.col("now"),
        updated_at=pl.col("now"),
    )
    statement = f"COPY {StagingRecord._meta.db_table} ({', '.join(frame.columns)}) FROM STDIN (FORMAT csv)"
    with connections[ledger_alias()].cursor() as cursor:
        copy_frame(cursor, statement, frame)


def update_set_aside(records: list[StagingRecord], rejections: Sequence[Rejection]) -> None:
    """Update records that went through the pipeline again; `rejections` are those that were rejected.

    A contested record that was written is deleted. A replayed one stays as part of the history.
    """
    now = timezone.now()
    rejected = {rejection.line: rejection for rejection in rejections}
    changed, written = [], []
    for record in records:
        rejection = rejected.get(record.line)
        if rejection is None and record.state == StagingRecord.State.CONTESTED:
            written.append(record.pk)
            continue
        record.state = StagingRecord.State.REPLAYED if rejection is None else StagingRecord.State.REJECTED
        record.errors = [] if rejection is None else [error.as_dict() for error in rejection.errors]
        record.updated_at = now
        changed.append(record)
    StagingRecord.objects.filter(pk__in=written).delete()
    update_records(changed, ["state", "errors", "updated_at"])


def update_records(records: Sequence[StagingRecord], fields: Sequence[str]) -> None:
    """Store these fields of records that somebody fixed, or whose person was erased."""
    StagingRecord.objects.bulk_update(records, fields, batch_size=500)
