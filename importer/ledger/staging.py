"""Stores rejected and contested records by COPY, and updates them when they are replayed."""

import json

import polars as pl
from django.db import connections
from django.utils import timezone

from importer.models import StagingRecord, ledger_alias
from importer.records import Rejection
from importer.write.copy import copy_frame


def set_aside(job_id: int, chunk_id: int, rejections: list[Rejection], *, state: str) -> None:
    """Store records that were not written, by COPY: there may be as many of them as records."""
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
