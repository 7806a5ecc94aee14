"""Writes many streamed or spooled events into the database in one transaction, each event once."""

import io
import json
from collections.abc import Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections

from tracking.events import Activity, Event
from tracking.models import ActivityLog, database
from tracking.storage.bounded import bounded_together
from tracking.storage.rows import activity_row, write, written_uuids

COLUMNS = ("uuid", "timestamp", "user_id", "action", "entity_type", "entity_id", "metadata")


def drain(events: Sequence[Event]) -> list[Any]:
    """Write the events that are not in the database yet, in one transaction. Returns the new rows but activities."""
    activities = [event for event in events if isinstance(event, Activity)]
    others = [event for event in events if not isinstance(event, Activity)]
    written = written_uuids(others)
    with bounded_together(database()):
        _copy_activities(activities)
        return [row for event in others if event.uuid not in written for row in write([event])]


def _copy_activities(events: Sequence[Activity]) -> None:
    if not events:
        return
    connection = connections[database()]
    if connection.vendor != "postgresql":
        rows = [activity_row(event) for event in events]
        ActivityLog._base_manager.using(database()).bulk_create(rows, ignore_conflicts=True, batch_size=500)
        return
    names = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        # One table for the life of the connection: a table for each batch would bloat the catalogue.
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS tracking_drain "
            f"ON COMMIT DELETE ROWS AS SELECT {names} FROM {ActivityLog._meta.db_table} WITH NO DATA"
        )
        with connection.wrap_database_errors:
            _copy(cursor, f"COPY tracking_drain ({names}) FROM STDIN", "".join(map(_line, events)))
        cursor.execute(
            f"INSERT INTO {ActivityLog._meta.db_table} ({names}) SELECT {names} FROM tracking_drain "
            "ON CONFLICT (uuid) DO NOTHING"
        )


def _copy(cursor: Any, statement: str, text: str) -> None:
    if hasattr(cursor, "copy_expert"):  # psycopg 2
        cursor.copy_expert(statement, io.StringIO(text))
        return
    with cursor.copy(statement) as copy:
        copy.write(text)


# The escapes of COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html
NULL = "\\N"
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _line(event: Activity) -> str:
    """Format a row for COPY. By hand, because psycopg's dumpers cost more than the rest of the row together."""
    metadata = (
        json.dumps(event.metadata, cls=DjangoJSONEncoder, ensure_ascii=False) if event.metadata else "{}"
    )
    user = NULL if event.user_id is None else str(event.user_id).translate(ESCAPES)
    texts = (text.translate(ESCAPES) for text in (event.action, event.entity_type, event.entity_id, metadata))
    return "\t".join((str(event.uuid), event.timestamp.isoformat(), user, *texts)) + "\n"
