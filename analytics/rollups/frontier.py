"""How far a log is settled: the last id below which no event can appear any more.

Ids are given out before their rows are committed, so the highest id that can be read is not it: a slower transaction
may yet commit a lower one. An event's transaction holds a lock on the log's table from before its id is drawn until its
end. So: read the highest id, then see who holds such a lock, and wait for just those to end; whoever comes later draws
higher ids. Nobody is blocked by it, as a lock of our own would do. (CREATE INDEX CONCURRENTLY waits in this manner.)
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
    """None: a transaction that wrote into the log is open for longer than `patience` seconds. Try again later.

    Where there is but one writer at a time, as in SQLite, what can be read is settled.
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
    """Whether what others commit meanwhile can be seen: not within a transaction that keeps to its first sight."""
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
