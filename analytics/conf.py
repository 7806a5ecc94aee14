"""Settings of analytics: the dict `ANALYTICS`. Every key is optional, and read at each access."""

import datetime as dt
import zoneinfo
from typing import Any

from django.conf import settings


class Defaults:
    # The beginning of the names of tables. Choose it before the first `migrate`.
    TABLE_PREFIX: str = ""
    # The zone whose days and hours are counted, such as "Europe/Berlin". None: the site's TIME_ZONE.
    TIME_ZONE: str | None = None
    # The alias of CACHES for reports. None: "analytics" if it exists, else "default".
    CACHE: str | None = None
    # Events behind the roll-ups are counted at each page view. If they are more than this, the view first refreshes the
    # roll-ups.
    TAIL_EVENTS: int = 1_000
    # The dotted path of the AdminSite that decides who is let in. None: the one that is mounted as "admin:".
    ADMIN_SITE: str | None = None
    # How often an open dashboard updates itself.
    REFRESH_SECONDS: int = 5
    # The number of events in the live feed, and of rows in the other lists.
    FEED_ROWS: int = 30
    LIST_ROWS: int = 20


class Conf(Defaults):
    """`conf.NAME` is the site's value or the default. It is read at each access, so `override_settings` works."""

    def __getattribute__(self, name: str) -> Any:
        if name.isupper():
            site = getattr(settings, "ANALYTICS", {})
            if name in site:
                return site[name]
        return super().__getattribute__(name)


conf = Conf()
KEYS = frozenset(name for name in vars(Defaults) if name.isupper())


def zone_name() -> str:
    """Return the zone that is counted in. Without USE_TZ it is "UTC", so that naive local times are not converted."""
    if not settings.USE_TZ:
        return "UTC"
    return str(conf.TIME_ZONE or settings.TIME_ZONE)


def zone_label() -> str:
    """Return the zone that people read. Without USE_TZ, moments are local times of the site's TIME_ZONE."""
    return zone_name() if settings.USE_TZ else str(settings.TIME_ZONE)


def zone() -> dt.tzinfo:
    return zoneinfo.ZoneInfo(zone_name())


def cache_alias() -> str:
    if conf.CACHE is not None:
        return str(conf.CACHE)
    return "analytics" if "analytics" in settings.CACHES else "default"
