"""Tells of a login whether one person can have travelled there since the login before it."""

import math
from dataclasses import dataclass
from typing import Any

from tracking.conf import conf
from tracking.models import LoginEvent
from tracking.places import Place, place_of_stored

EARTH_KM = 6_371.0088  # the mean radius, of the International Union of Geodesy and Geophysics
# Databases place an address up to some hundred kilometres off, in the city of the provider.
LEAST_KM = 500


@dataclass(frozen=True, slots=True)
class Journey:
    """From the place of the login before to this one's. `km` is the shortest way that their accuracy allows."""

    start: Place
    end: Place
    km: float
    seconds: float

    @property
    def is_impossible(self) -> bool:
        fastest = conf.ALERT_TRAVEL_KMH
        hours = max(self.seconds, 1.0) / 3_600
        return fastest is not None and self.km > LEAST_KM and self.km / hours > fastest

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "km": round(self.km),
            "seconds": round(self.seconds),
            "from_country": self.start.country,
            "from_city": self.start.city,
            "city": self.end.city,
        }

    @property
    def ends(self) -> str:
        """Return both places, the same for the way there and back."""
        return " ".join(sorted(f"{place.country} {place.city}" for place in (self.start, self.end)))


def journey_to(event: LoginEvent) -> Journey | None:
    """Return the journey from the latest login of the user from elsewhere; None if a place is not known."""
    previous = event.evidence.get("previous")
    if not isinstance(previous, dict) or not conf.ALERT_TRAVEL_KMH:
        return None
    start, end = place_of_stored(previous["ip_address"]), place_of_stored(event.ip_address)
    if start is None or end is None or start.coordinates is None or end.coordinates is None:
        return None
    apart = distance_km(start.coordinates, end.coordinates) - start.accuracy_km - end.accuracy_km
    return Journey(start, end, max(0.0, apart), float(previous["seconds"]))


def distance_km(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Return the length of the great circle between two points in degrees, by the haversine formula."""
    (from_lat, from_lon), (to_lat, to_lon) = (map(math.radians, point) for point in (start, end))
    half_chord = (
        math.sin((to_lat - from_lat) / 2) ** 2
        + math.cos(from_lat) * math.cos(to_lat) * math.sin((to_lon - from_lon) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half_chord)))
