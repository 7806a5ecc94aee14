"""Reads how far the logs are counted."""

from dataclasses import dataclass, field

from analytics.models import RollupPosition
from analytics.rollups.logs import COUNTED


@dataclass(frozen=True, slots=True)
class Positions:
    """The last counted id of each log, the sum of their generations, and the zone of their days.

    `users` is the last login that is counted by user. Reports of logins and activities do not depend on it.
    """

    logins: int = 0
    activities: int = 0
    users: int = field(default=0, compare=False)
    generations: int = 0
    time_zone: str = ""


def positions() -> Positions:
    rows = {row.log: row for row in RollupPosition.objects.all()}
    last_ids = {log.name: rows[log.name].last_id if log.name in rows else 0 for log in COUNTED}
    generations = sum(row.generation for row in rows.values())
    zones = {row.time_zone for row in rows.values() if row.last_id}
    return Positions(**last_ids, generations=generations, time_zone=", ".join(sorted(zones)))
