"""The two logs that are counted: where their events are, and what is known of an event."""

from dataclasses import dataclass

from django.db import models

from analytics.models import ActivityCube, LoginCube, LoginHour, LoginShare, LoginSlot, UserSketch
from tracking.models import ActivityLog, LoginEvent


@dataclass(frozen=True, eq=False)
class Log:
    """`dimensions` are the columns that can be filtered; the kind of a term has the name of its dimension.

    `rollups`: the cube, in which each event is counted once for a day, is the first.
    """

    name: str
    model: type[models.Model]
    dimensions: dict[str, str]
    rollups: tuple[type[models.Model], ...]


LOGINS = Log(
    "logins",
    LoginEvent,
    {
        "method": "login_method",
        "reason": "failure_reason",
        "device": "device_type",
        "browser": "browser",
        "os": "os",
    },
    (LoginCube, LoginShare, LoginHour, LoginSlot, UserSketch),
)
ACTIVITIES = Log(
    "activities", ActivityLog, {"action": "action", "entity_type": "entity_type"}, (ActivityCube,)
)
LOGS = (LOGINS, ACTIVITIES)
