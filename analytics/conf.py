"""Settings of analytics: one dict, `ANALYTICS`, every key optional and read at each use."""

import datetime as dt
import zoneinfo
from typing import Any

from django.conf import settings


class Defaults:
    # The zone whose days and hours are counted, such as "Europe/Berlin". None: the site's TIME_ZONE.
    TIME_ZONE: str | None = None
    # The alias of CACHES for reports. None: "analytics" where there is one, else "default".
    CACHE: str | None = None
    # What is not in the roll-ups yet is counted at each look; past so many events a look moves the roll-ups on first.
    TAIL_EVENTS: int = 1_000
    # The dotted path of the AdminSite whose gate is the dashboard's. None: the one that is mounted as "admin:".
    ADMIN_SITE: str | None = None
    # How often an open dashboard asks for news.
    REFRESH_SECONDS: int = 5
    # How many events the live feed shows, and how many rows the other lists.
    FEED_ROWS: int = 30
    LIST_ROWS: int = 20


class Conf(Defaults):
    """`conf.NAME` is the site's value, or the default; read each time, so `override_settings` works."""

    def __getattribute__(self, name: str) -> Any:
        if name.isupper():
            site = getattr(settings, "ANALYTICS", {})
            if name in site:
                return site[name]
        return super().__getattribute__(name)


conf = Conf()
KEYS = frozenset(name for name in vars(Defaults) if name.isupper())


def zone_name() -> str:
    """Where a site keeps naive local times there is nothing to convert: their days are UTC's."""
    if not settings.USE_TZ:
        return "UTC"
    return str(conf.TIME_ZONE or settings.TIME_ZONE)


def zone() -> dt.tzinfo:
    return zoneinfo.ZoneInfo(zone_name())


def cache_alias() -> str:
    if conf.CACHE is not None:
        return str(conf.CACHE)
    return "analytics" if "analytics" in settings.CACHES else "default"
