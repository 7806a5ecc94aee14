"""Writes the table of records set aside: rejected ones, and repeated keys left for the end."""

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any

from django.db import connections
from django.utils import timezone

from importer.models import StagingRecord, ledger_alias
from importer.records import RAW, Rejection

# The records are chosen by their old values, so one that was changed meanwhile is left as it is.
REPLACE_VALUES = f"""
    WITH chosen AS (
        SELECT id FROM {StagingRecord._meta.db_table}
        WHERE job_id = %(job)s AND state IN ('rejected', 'fixed') AND NOT jsonb_exists(raw, '{RAW}')
            AND errors @> %(errors)s::jsonb AND coalesce(raw->>%(column)s, %(null)s) = ANY(%(old)s)
        ORDER BY line LIMIT %(most)s::bigint FOR UPDATE
    )
    UPDATE {StagingRecord._meta.db_table} AS record
    SET raw = jsonb_set(record.raw, ARRAY[%(column)s], to_jsonb(new.value)), state = 'fixed', updated_at = %(now)s
    FROM chosen, unnest(%(old)s::text[], %(new)s::text[]) AS new (old, value)
    WHERE record.id = chosen.id AND coalesce(record.raw->>%(column)s, %(null)s) = new.old
"""  # noqa: S608 (our own table)


def set_aside(job_id: int, chunk_id: int, rejections: Sequence[Rejection], *, state: str) -> None:
    """Store records that were not written, with COPY, because a whole batch may be rejected.

    `state` is a `StagingRecord.State`.
    """
    if not rejections:
        return
    now = timezone.now()
    columns = "job_id, chunk_id, line, raw, errors, state, created_at, updated_at"
    statement = f"COPY {StagingRecord._meta.db_table} ({columns}) FROM STDIN"
    connection = connections[ledger_alias()]
    # `copy` is psycopg's method, so Django must be told to wrap its errors.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for rejection in rejections:
            raw = json.dumps(rejection.raw, ensure_ascii=False)
            errors = json.dumps([error.as_dict() for error in rejection.errors], ensure_ascii=False)
            copy.write_row((job_id, chunk_id, rejection.line, raw, errors, state, now, now))


def update_set_aside(
    records: list[StagingRecord], rejections: Sequence[Rejection], waiting: Container[int] = ()
) -> None:
    """Update records that went through the pipeline again; `rejections` are those that were rejected.

    `waiting`: the lines of those that still wait.

    A contested record that was written is deleted. A replayed one stays as part of the history.
    """
    now = timezone.now()
    rejected = {rejection.line: rejection for rejection in rejections}
    changed, written = [], []
    for record in records:
        if record.line in waiting:
            continue
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


def replace_values(
    job_id: int,
    column: str,
    new_values: Mapping[str, str],
    *,
    null: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    most: int | None = None,
) -> int:
    """Replace values of one column, and mark the records as fixed. Returns their number.

    new_values  the new text of each old one
    null        the text of a null among the old values
    errors      only records that were rejected for these reasons
    most        no more records than this
    """
    parameters: dict[str, Any] = {
        "job": job_id,
        "column": column,
        "null": null,
        "errors": json.dumps(list(errors)),
        "old": list(new_values),
        "new": list(new_values.values()),
        "most": most,
        "now": timezone.now(),
    }
    with connections[ledger_alias()].cursor() as cursor:
        cursor.execute(REPLACE_VALUES, parameters)
        return int(cursor.rowcount)
