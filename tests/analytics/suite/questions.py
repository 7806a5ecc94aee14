"""The questions of the tests: periods of each resolution, and filters of each kind."""

import datetime as dt

from analytics.filters import Filters
from analytics.period import Period

START = dt.datetime(2026, 1, 10, 5, tzinfo=dt.UTC)
# Across the ends of months and (in Berlin) the start of summer time.
PERIODS = {
    "day": Period(dt.date(2026, 3, 29), dt.date(2026, 3, 29)),
    "week": Period(dt.date(2026, 3, 24), dt.date(2026, 3, 30)),
    "month and more": Period(dt.date(2026, 2, 20), dt.date(2026, 4, 5)),
    "three quarters": Period(dt.date(2025, 8, 15), dt.date(2026, 4, 15)),
}
FILTERS = {
    "none": Filters(),
    "failures": Filters(outcome="failure"),
    "method": Filters(method="google", device="mobile"),
    "no method": Filters(method=""),
    "browser": Filters(browser="Chrome"),
    "reason": Filters(reason="bad_password", os="iOS", outcome="failure"),
    "unheard of": Filters(browser="Netscape"),
}
