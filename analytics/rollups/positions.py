"""How far the logs are counted, as a reader needs to know it."""

from dataclasses import dataclass

from analytics.models import RollupPosition
from analytics.rollups.logs import LOGS


@dataclass(frozen=True, slots=True)
class Positions:
    logins: int = 0
    activities: int = 0
    generations: int = 0
    time_zone: str = ""


def positions() -> Positions:
    found = {row.log: row for row in RollupPosition.objects.all()}
    reached = {log.name: found[log.name].last_id if log.name in found else 0 for log in LOGS}
    generations = sum(row.generation for row in found.values())
    zones = {row.time_zone for row in found.values() if row.last_id}
    return Positions(**reached, generations=generations, time_zone=", ".join(sorted(zones)))
