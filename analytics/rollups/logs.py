"""Describes what is counted: the logs, their models, dimensions and roll-ups."""

from dataclasses import dataclass

from django.db import models

from analytics.models import ActivityCube, LoginCube, LoginHour, LoginShare, LoginSlot, UserRollup, UserSketch
from tracking.models import ActivityLog, LoginEvent


@dataclass(frozen=True, eq=False)
class Log:
    """A log and its roll-ups.

    `dimensions` maps the name of a dimension, which is also the kind of its terms, to its column. The first of
    `rollups` is the cube, which counts each event once per day.
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
# The logins once more, by user. They have a position of their own, so that a site that had roll-ups before it had
# these counts its whole log into them, without counting anything else again.
USERS = Log("users", LoginEvent, {}, (UserRollup,))
COUNTED = (*LOGS, USERS)
