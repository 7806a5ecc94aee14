"""What is kept for how long, and deleted in small steps, so that no login ever waits for it."""

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils import timezone

from tracking.conf import conf
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession, database
from tracking.signals import pruning

# Rows per statement: each is over in milliseconds and holds no lock for longer.
STEP = 2_000
# Between two statements, so that other work gets its turn.
REST_SECONDS = 0.01


class PruningRefused(Exception):
    """A receiver of `pruning` raised: the rows are of use yet. To be tried again later."""


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
        Rule(SecurityAlert, conf.ALERT_DAYS, "timestamp"),
        # Sessions that are still open are kept, however long ago they began.
        Rule(UserSession, conf.SESSION_DAYS, "started_at", models.Q(ended_at__isnull=False)),
    ]


def prune(rule: Rule, *, step: int = STEP) -> int:
    """Delete what is older than the rule says, `step` rows a statement; how many. A kill loses nothing but time.

    Raises PruningRefused where somebody still needs the rows.
    """
    if rule.days is None:
        return 0
    before = timezone.now() - dt.timedelta(days=rule.days)
    rows: Any = rule.model._base_manager.using(database())
    old = rows.filter(rule.only, **{f"{rule.moment}__lt": before}).order_by(rule.moment)
    for _, answer in pruning.send_robust(sender=rule.model, before=before):
        if isinstance(answer, Exception):
            raise PruningRefused(f"{rule.model._meta.verbose_name_plural}: {answer}") from answer
    deleted = 0
    while keys := list(old.values_list("pk", flat=True)[:step]):
        deleted += rows.filter(pk__in=keys)._raw_delete(database())
        time.sleep(REST_SECONDS)
    return deleted
