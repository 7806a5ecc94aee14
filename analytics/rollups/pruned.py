"""Counts events before retention deletes them from the logs, so that the roll-ups keep them."""

import datetime as dt
from typing import Any

from django.db import router, transaction

from analytics.calendar import aware
from analytics.models import RollupPosition
from analytics.rollups.logs import COUNTED, Log
from analytics.rollups.refresh import lock_position, refresh


class NotCounted(Exception):
    """Retention would delete events that are not in the roll-ups yet."""


def on_pruning(sender: Any, before: dt.datetime, **kwargs: Any) -> None:
    """Count the events of the log. Raises whatever prevents that, so that the events are not deleted."""
    for log in COUNTED:
        if log.model is not sender:
            continue
        if not all(done.is_complete for done in refresh() if done.log == log.name):
            raise NotCounted(
                "A transaction that writes into the log is still open, so its last events cannot be counted yet."
            )
        note_pruned(log, before)


def note_pruned(log: Log, before: dt.datetime) -> None:
    """Note that the log is no longer complete before this time."""
    using = router.db_for_write(RollupPosition)
    with transaction.atomic(using=using):
        position = lock_position(log, using)
        if position.complete_from is None or aware(position.complete_from) < aware(before):
            position.complete_from = before
            position.save(update_fields=["complete_from"])
