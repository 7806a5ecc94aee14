"""Deletes rows older than the settings allow, in small steps, so that no login waits for it."""

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils import timezone

from tracking.conf import conf
from tracking.models import ActivityLog, AlertDelivery, LoginEvent, SecurityAlert, UserSession, database
from tracking.signals import pruning

# Rows per statement. Each statement takes milliseconds, and holds its locks no longer.
STEP = 2_000
# The pause between two statements, so that other work gets its turn.
REST_SECONDS = 0.01


class PruningRefused(Exception):
    """A receiver of `pruning` raised, because the rows are still needed. Retry later."""


@dataclass(frozen=True, slots=True)
class Rule:
    model: type[models.Model]
    days: int | None
    moment: str
    only: models.Q = field(default_factory=models.Q)


def rules() -> list[Rule]:
    return [
        Rule(LoginEvent, conf.LOGIN_EVENT_DAYS, "timestamp"),
        Rule(ActivityLog, conf.ACTIVITY_DAYS, "timestamp"),
        Rule(AlertDelivery, conf.ALERT_DAYS, "created_at"),
        Rule(SecurityAlert, conf.ALERT_DAYS, "timestamp"),
        # Open sessions are kept, however old they are.
        Rule(UserSession, conf.SESSION_DAYS, "started_at", models.Q(ended_at__isnull=False)),
    ]


def prune(rule: Rule, *, step: int = STEP) -> int:
    """Delete the rows that are older than the rule allows, `step` rows per statement, and return how many there were.

    A kill loses no work: the next run continues. Raises PruningRefused if a receiver still needs the rows.
    """
    if rule.days is None:
        return 0
    before = timezone.now() - dt.timedelta(days=rule.days)
    rows: Any = rule.model._base_manager.using(database())
    old = rows.filter(rule.only, **{f"{rule.moment}__lt": before}).order_by(rule.moment)
    for _, result in pruning.send_robust(sender=rule.model, before=before):
        if isinstance(result, Exception):
            raise PruningRefused(f"{rule.model._meta.verbose_name_plural}: {result}") from result
    deleted = 0
    while keys := list(old.values_list("pk", flat=True)[:step]):
        # `_raw_delete` is private. It does not look for related rows, which no constraint requires.
        # tests/tracking/suite/suite_commands.py breaks first.
        deleted += rows.filter(pk__in=keys)._raw_delete(database())
        time.sleep(REST_SECONDS)
    return deleted
