"""What was lost of an alias while Redis was away, kept in the database: it survives the process that lost it.

For sessions (the option OUTBOX): who logged out must be logged out for every process, also when the one that heard it
is killed before Redis is back. A row joins the transaction that it is written in: what is rolled back was no logout.
Any process deletes the key in Redis and then the row: before it trusts Redis with a session, before its breaker
closes, and now and then at the end of a request, for what another lost whose breaker was open for longer.
"""

import logging
import threading
import time
from collections.abc import Iterable

from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db import Error, connections, router, transaction

logger = logging.getLogger("cortex.cache")

# The time between two looks: for a while after an outage that this process saw, and else.
SOON_SECONDS, RARELY_SECONDS = 2.0, 60.0
# Longer than any breaker stays open once Redis is well.
SOON_FOR_SECONDS = 30.0
BATCH = 500
# A logout goes on without the database's help, as it does without that of Redis.
FAULTS = (Error, ImproperlyConfigured, SynchronousOnlyOperation)

Rows = dict[int, str]


class Outbox:
    def __init__(self, server: str) -> None:
        self.server = server
        self.was_read = False
        self._look_at = time.monotonic() + RARELY_SECONDS
        self._soon_until = 0.0

    def note(self, names: Iterable[str]) -> None:
        from cortex.models import LostKey

        rows = [LostKey(server=self.server, name=name) for name in names]
        try:
            # A savepoint where there is a transaction, which a fault of ours must not break.
            with transaction.atomic(using=router.db_for_write(LostKey)):
                LostKey.objects.bulk_create(rows)
        except FAULTS as error:
            logger.error("What Redis lost could not be put on record: %s", _line(error))

    def rows(self, *, after: int = 0) -> Rows:
        """The oldest BATCH of them, by id; nothing where the database has a fault."""
        from cortex.models import LostKey

        found = LostKey.objects.filter(server=self.server, pk__gt=after).order_by("pk")
        try:
            with transaction.atomic(using=router.db_for_read(LostKey)):
                return dict(found.values_list("pk", "name")[:BATCH])
        except FAULTS as error:
            logger.error("What Redis lost could not be looked up: %s", _line(error))
            self.look_soon()
            return {}

    def forget(self, rows: Rows) -> None:
        """These have been made up for."""
        from cortex.models import LostKey

        try:
            LostKey.objects.filter(pk__in=rows).delete()
        except FAULTS as error:
            logger.error("What Redis lost is still on record: %s", _line(error))

    # -- when to look -------------------------------------------------------------------------------------------------

    def look_soon(self) -> None:
        self._look_at = 0.0
        self._soon_until = time.monotonic() + SOON_FOR_SECONDS

    def is_due(self) -> bool:
        from cortex.models import LostKey

        now = time.monotonic()
        if now < self._look_at:
            return False
        # Not within a transaction: the rows that we delete would be locked until its end.
        if connections[router.db_for_write(LostKey)].in_atomic_block:
            return False
        self._look_at = now + (SOON_SECONDS if now < self._soon_until else RARELY_SECONDS)
        return True


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


_outboxes: dict[str, Outbox] = {}
_registry = threading.Lock()


def open_outbox(server: str) -> Outbox:
    with _registry:
        return _outboxes.setdefault(server, Outbox(server))


def outbox_of(server: str) -> Outbox | None:
    """None where no alias of that Redis has one."""
    return _outboxes.get(server)
