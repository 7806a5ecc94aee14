"""What retention deletes from the logs is counted first; the roll-ups keep it."""

import datetime as dt
from typing import Any

from django.db import router, transaction

from analytics.calendar import aware
from analytics.models import RollupPosition
from analytics.rollups.logs import LOGS, Log
from analytics.rollups.refresh import lock_position, refresh


class NotCounted(Exception):
    """Events would be deleted that are in no roll-up yet."""


def on_pruning(sender: Any, before: dt.datetime, **kwargs: Any) -> None:
    """Raises what keeps the events from being counted, so that they are not deleted."""
    for log in LOGS:
        if log.model is not sender:
            continue
        if not all(done.is_complete for done in refresh() if done.log == log.name):
            raise NotCounted(
                "A transaction that writes into the log is open, so that it cannot be counted to its end."
            )
        note_pruned(log, before)


def note_pruned(log: Log, before: dt.datetime) -> None:
    """From now on the roll-ups know more of the days before this than the log does."""
    using = router.db_for_write(RollupPosition)
    with transaction.atomic(using=using):
        position = lock_position(log, using)
        if position.complete_from is None or aware(position.complete_from) < aware(before):
            position.complete_from = before
            position.save(update_fields=["complete_from"])
