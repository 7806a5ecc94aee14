"""Finds the highest event id below which no open transaction can still add a row.

Ids are drawn before their rows are committed, so the highest visible id is not settled: a slower transaction may still
commit a lower one. The transaction of an event holds a lock on the log's table from before it draws the id until its
end. So:

1. Read the highest id.
2. See which transactions hold such a lock.
3. Wait for exactly those to end. Later ones draw higher ids.

This blocks nobody, unlike a lock of our own. CREATE INDEX CONCURRENTLY waits in the same way.
"""

import logging
import time
from typing import Any

from django.db import connections, models, transaction
from django.db.models import Max

logger = logging.getLogger("analytics")

FIRST_LOOK, LAST_LOOK = 0.002, 0.05
WRITERS = """
    SELECT DISTINCT virtualtransaction
    FROM pg_locks
    WHERE locktype = 'relation' AND relation = %s::regclass AND mode = 'RowExclusiveLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pid IS DISTINCT FROM pg_backend_pid()
"""


def settled_id(model: type[models.Model], *, using: str, patience: float) -> int | None:
    """Return the settled id of a log, or None if a transaction that wrote into it stays open for `patience` seconds.

    None means: retry later. In a database with one writer at a time, such as SQLite, everything visible is settled.
    """
    highest = model._base_manager.using(using).aggregate(Max("pk"))["pk__max"] or 0
    connection = connections[using]
    if connection.vendor != "postgresql":
        return int(highest)
    deadline, look = time.monotonic() + patience, FIRST_LOOK
    waited_for = _writers(connection, model)
    while waited_for:
        if time.monotonic() >= deadline:
            return None
        time.sleep(look)
        look = min(look * 2, LAST_LOOK)
        waited_for &= _writers(connection, model)
    return int(highest)


def sees_the_present(using: str) -> bool:
    """Tell whether new commits of others are visible: not in a transaction that reads from a snapshot."""
    connection: Any = connections[using]
    if connection.vendor != "postgresql" or not connection.in_atomic_block:
        return True
    with transaction.atomic(using=using, savepoint=False), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        return bool(cursor.fetchone()[0] == "read committed")


def _writers(connection: Any, model: type[models.Model]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(WRITERS, [connection.ops.quote_name(model._meta.db_table)])
        return {row[0] for row in cursor.fetchall()}
