"""Writes logins over the whole time of retention, and counts how many a report reads."""

import datetime as dt
from typing import Any

from analytics.period import DAY, Period
from analytics.reports import overview
from tests.analytics.events import login_event
from tracking.models import LoginEvent

NOW = dt.datetime.now(dt.UTC)
WHOLE = Period(NOW.date() - 500 * DAY, NOW.date())
OLD = NOW - 450 * DAY


def record(*moments: dt.datetime, **values: Any) -> None:
    LoginEvent.objects.bulk_create([login_event(moment, **values) for moment in moments])


def logins() -> int:
    return overview(WHOLE).totals.logins
