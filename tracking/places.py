"""Finds where an address is, in offline databases of the MMDB format (`GEO_DATABASE`).

https://maxmind.github.io/MaxMind-DB/
"""

import datetime as dt
import ipaddress
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tracking.conf import conf
from tracking.events import storable
from tracking.health import report_fault

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

CODE = re.compile(r"[A-Za-z]{2}")
# Codes that databases write for "nobody knows".
NO_COUNTRY = ("XX", "ZZ")
CITY_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is, as far as the database tells: `country` is the two letters of ISO 3166-1, or empty."""

    country: str = ""
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None
    accuracy_km: float = 0.0

    @property
    def coordinates(self) -> tuple[float, float] | None:
        """Return latitude and longitude in degrees.

        None for coordinates without a city and a radius: such are the middle of a country, which is no place.
        """
        if self.latitude is None or self.longitude is None or not (self.city or self.accuracy_km):
            return None
        return self.latitude, self.longitude


@dataclass(frozen=True, slots=True)
class Database:
    path: str
    reader: Any
    has_ipv6: bool

    def __str__(self) -> str:
        metadata = self.reader.metadata()
        built = dt.datetime.fromtimestamp(metadata.build_epoch, dt.UTC)
        return f"{metadata.database_type} of {built:%Y-%m-%d} in {self.path}"


class Databases:
    """The open databases of this process.

    Their files are looked at with each lookup, which costs microseconds: a process that read a memory map of a file
    that somebody has cut short would be killed. Readers are never closed, because another thread may be reading.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Open them anew with the next lookup."""
        self._lock = threading.Lock()
        self._opened: tuple[list[tuple[Any, ...]], tuple[Database, ...]] = ([], ())

    def current(self) -> tuple[Database, ...]:
        """Return the databases, opened again if a file has changed. A file that cannot be opened is one fault."""
        versions = [_version(path) for path in paths()]
        if versions != self._opened[0]:
            with self._lock:
                if versions != self._opened[0]:
                    self._opened = versions, tuple(_openable(versions))
        return self._opened[1]


databases = Databases()
# A lock that another thread holds while the process forks would stay held in the child.
os.register_at_fork(after_in_child=databases.forget)


def paths() -> list[str]:
    """Return the files of `GEO_DATABASE`, which is a path or a list of paths."""
    value = conf.GEO_DATABASE
    if not value:
        return []
    return [os.fspath(value)] if isinstance(value, str | os.PathLike) else [os.fspath(path) for path in value]


def opened(path: str) -> Database:
    """Open a database. Raises ImportError without `maxminddb`, OSError, and what the package raises."""
    import maxminddb

    reader = maxminddb.open_database(path)
    return Database(path, reader, reader.metadata().ip_version == 6)


def place_of(address: Address | None, *, known_bits: int | None = None) -> Place | None:
    """Return where an address is, from the first database that knows it. None without a database. Never raises.

    `known_bits`: how many leading bits of the address are known, None: all. If they do not tell the place, None.
    Private and reserved addresses have no place, whatever a database says.
    """
    if address is None or not address.is_global:
        return None
    try:
        for database in databases.current():
            if place := _found(database, address, known_bits):
                return place
    except Exception as error:  # a login is recorded, whatever is in the file
        report_fault("Looking up an address", error)
    return None


def place_of_stored(text: str | None) -> Place | None:
    """Return where an address is that was stored, truncated to `IP_BITS_V4` or `IP_BITS_V6`."""
    if not text:
        return None
    address = ipaddress.ip_address(text)
    return place_of(address, known_bits=conf.IP_BITS_V4 if address.version == 4 else conf.IP_BITS_V6)


def country_of(address: Address | None) -> str:
    place = place_of(address)
    return place.country if place else ""


def _version(path: str) -> tuple[Any, ...]:
    try:
        status = os.stat(path)
    except OSError:
        return (path,)
    return path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _openable(versions: list[tuple[Any, ...]]) -> Iterator[Database]:
    for path, *_ in versions:
        try:
            yield opened(path)
        except Exception as error:  # the package raises many types for a broken file
            report_fault("Opening GEO_DATABASE", error)


def _found(database: Database, address: Address, known_bits: int | None) -> Place | None:
    if address.version == 6 and not database.has_ipv6:
        return None
    record, bits = database.reader.get_with_prefix_len(address)
    if not isinstance(record, dict) or (known_bits is not None and bits > known_bits):
        return None
    place = _place(record)
    return place if place.country or place.coordinates else None


def _place(record: dict[str, Any]) -> Place:
    """Read a record of MaxMind and DB-IP (nested), or of ip-location-db and IPinfo (flat)."""
    location = record.get("location")
    where = location if isinstance(location, dict) else record
    latitude, longitude = _number(where.get("latitude"), 90), _number(where.get("longitude"), 180)
    return Place(
        country=_code(record),
        city=_city(record.get("city")),
        latitude=latitude,
        longitude=longitude,
        accuracy_km=max(0.0, _number(where.get("accuracy_radius"), 20_000) or 0.0),
    )


def _code(record: dict[str, Any]) -> str:
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code") or country
    if not isinstance(code, str) or not CODE.fullmatch(code) or code.upper() in NO_COUNTRY:
        return ""
    return code.upper()


def _city(city: Any) -> str:
    names = city.get("names") if isinstance(city, dict) else None
    name = names.get("en") if isinstance(names, dict) else city
    return storable(name, CITY_CHARACTERS) if isinstance(name, str) else ""


def _number(value: Any, most: int) -> float | None:
    """Return a number within ±most, which some databases write as a text; None if it is not one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if -most <= number <= most else None
