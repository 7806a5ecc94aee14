"""Converts moments to days, hours and slots of 15 minutes in the zone of analytics."""

import datetime as dt
import zoneinfo
from functools import lru_cache

from django.conf import settings

from analytics import conf
from tracking.words import moment_text

SLOT_SECONDS = 900
# With these limits, no zone's offset leads out of the calendar.
EARLIEST = dt.datetime(1, 1, 3, tzinfo=dt.UTC)
LATEST = dt.datetime(9999, 12, 29, tzinfo=dt.UTC)


def slot_of(moment: dt.datetime) -> int:
    return int(aware(moment).timestamp() // SLOT_SECONDS)


@lru_cache(maxsize=65_536)
def local(slot: int, zone: dt.tzinfo) -> dt.datetime:
    """Return the start of a slot as local time of a zone."""
    moment = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=slot * SLOT_SECONDS)
    return min(max(moment, EARLIEST), LATEST).astimezone(zone)


def day_of(moment: dt.datetime, zone: dt.tzinfo) -> dt.date:
    return local(slot_of(moment), zone).date()


def midnight(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """Return the start of a day of a zone, in UTC."""
    return dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)


def stored(moment: dt.datetime) -> dt.datetime:
    """Return the moment as the database stores it: sites without USE_TZ store naive times."""
    return moment if settings.USE_TZ else moment.replace(tzinfo=None)


def slots_of(first: dt.date, last: dt.date, zone: dt.tzinfo) -> tuple[int, int]:
    """Return the slots of these days, both inclusive, as a half-open range."""
    return slot_of(midnight(first, zone)), slot_of(midnight(last + dt.timedelta(days=1), zone))


def month_of(day: dt.date) -> dt.date:
    return day.replace(day=1)


def next_month(day: dt.date) -> dt.date:
    return month_of(month_of(day) + dt.timedelta(days=32))


def aware(moment: dt.datetime) -> dt.datetime:
    """Return the moment with a zone. Naive times of sites without USE_TZ are treated as UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def time_of_day(moment: dt.datetime) -> str:
    """Format the time that a page was made, in the zone that people read."""
    return f"{moment.astimezone(zoneinfo.ZoneInfo(conf.zone_label())):%H:%M:%S}"


def clock(moment: dt.datetime) -> str:
    """Format a moment to the second, as tracking does in the admin and in mails."""
    return moment_text(aware(moment).astimezone(conf.zone()))
