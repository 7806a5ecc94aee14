"""Keeps keys that could not be deleted during an outage in the database, so that they survive the process.

For sessions (the option OUTBOX): a logout must hold for every process, even if the process that handled it is killed
before Redis is back. A row belongs to the transaction that writes it: if that is rolled back, there was no logout.
Any process deletes the key in Redis and then the row. It does so before it reads its first session from Redis, before
its breaker closes, and from time to time at the end of a request, because another process's breaker may be open for
longer and note keys meanwhile.
"""

import logging
import time
from collections.abc import Iterable

from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db import Error, connections, router, transaction

logger = logging.getLogger("cortex.cache")

# Seconds between two queries: for a while after an outage that this process saw, and otherwise.
SOON_SECONDS, RARELY_SECONDS = 2.0, 60.0
# Longer than any breaker stays open once Redis is back.
SOON_FOR_SECONDS = 30.0
BATCH = 500
# A logout continues without the outbox when the database fails, as it does without Redis.
FAULTS = (Error, ImproperlyConfigured, SynchronousOnlyOperation)

Rows = dict[int, str]


class Outbox:
    """The rows of one server in `cache_outbox`. `was_read`: this process has read them once since it started.

    No method raises a database error: it is logged instead.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self.was_read = False
        self._look_at = time.monotonic() + RARELY_SECONDS
        self._soon_until = 0.0

    def note(self, names: Iterable[str]) -> None:
        """Inserts one row for each name."""
        from cortex.models import LostKey

        rows = [LostKey(server=self.server, name=name) for name in names]
        try:
            # A savepoint inside the caller's transaction, which an error here must not break.
            with transaction.atomic(using=router.db_for_write(LostKey)):
                LostKey.objects.bulk_create(rows)
        except FAULTS as error:
            logger.error("Keys that Redis lost could not be written to cache_outbox: %s", first_line(error))

    def rows(self, *, after: int = 0) -> Rows:
        """Returns id → name of the oldest BATCH rows with an id above `after`; {} after a database error."""
        from cortex.models import LostKey

        lost_keys = LostKey.objects.filter(server=self.server, pk__gt=after).order_by("pk")
        try:
            with transaction.atomic(using=router.db_for_read(LostKey)):
                return dict(lost_keys.values_list("pk", "name")[:BATCH])
        except FAULTS as error:
            logger.error("Keys that Redis lost could not be read from cache_outbox: %s", first_line(error))
            self.look_soon()
            return {}

    def forget(self, rows: Rows) -> None:
        """Deletes rows whose keys are deleted in Redis."""
        from cortex.models import LostKey

        try:
            LostKey.objects.filter(pk__in=rows).delete()
        except FAULTS as error:
            logger.error("Keys that Redis lost could not be deleted from cache_outbox: %s", first_line(error))

    # -- when to look -------------------------------------------------------------------------------------------------

    def look_soon(self) -> None:
        """Makes the next look due at once, and further ones every SOON_SECONDS for a while."""
        self._look_at = 0.0
        self._soon_until = time.monotonic() + SOON_FOR_SECONDS

    def is_due(self) -> bool:
        """Whether to look for rows now. After True, the next look is due SOON_SECONDS or RARELY_SECONDS later."""
        from cortex.models import LostKey

        now = time.monotonic()
        if now < self._look_at:
            return False
        # Not inside a transaction: the deleted rows would stay locked until its end.
        if connections[router.db_for_write(LostKey)].in_atomic_block:
            return False
        self._look_at = now + (SOON_SECONDS if now < self._soon_until else RARELY_SECONDS)
        return True


def first_line(error: Exception) -> str:
    """At most 200 characters of it."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
