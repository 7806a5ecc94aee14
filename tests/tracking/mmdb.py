"""Writes databases of places for tests: a country or a city for a few networks of public name servers."""

import os
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

# Of public name servers, which have no place of their own: a database of ours may put them anywhere.
BERLIN, LAGOS, POTSDAM, NOWHERE = "8.8.8.8", "1.1.1.1", "9.9.9.9", "208.67.222.222"
BERLIN_V6 = "2001:4860:4860::8888"


def city(country: str, name: str, latitude: float, longitude: float, **location: Any) -> dict[str, Any]:
    """Return a record as MaxMind and DB-IP write it."""
    names = {"city": {"names": {"en": name}}} if name else {}
    where = {"latitude": latitude, "longitude": longitude, **location}
    return {"country": {"iso_code": country, "names": {"en": country}}, "location": where, **names}


CITIES: dict[str, dict[str, Any]] = {
    "8.8.8.0/24": city("DE", "Berlin", 52.52, 13.405),
    "1.1.1.0/24": city("NG", "Lagos", 6.4541, 3.3947),
    "9.9.9.0/24": city("DE", "Potsdam", 52.39, 13.06),
    "2001:4860:4860::/48": city("DE", "Berlin", 52.52, 13.405),
}
# As the packages of ip-location-db write it.
COUNTRIES = {network: {"country_code": record["country"]["iso_code"]} for network, record in CITIES.items()}


def write_mmdb(path: Path, records: dict[str, Any], *, version: int = 6) -> Path:
    """Write a database beside the path and move it there, as an update should."""
    writer = MMDBWriter(version, ipv4_compatible=version == 6, database_type="Test", float_type="f64")
    for network, record in records.items():
        if version == 6 or ":" not in network:
            writer.insert_network(IPSet([network]), record)
    draft = path.with_suffix(".draft")
    writer.to_db_file(str(draft))
    os.replace(draft, path)
    return path
