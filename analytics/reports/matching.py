"""Finds the events of a log that match filters."""

from typing import Any

from analytics.filters import Filters
from analytics.rollups.logs import LOGINS
from analytics.rollups.terms import OTHER_VALUE, Terms


def matching(logins: Any, filters: Filters) -> Any:
    """Of these logins those that the filters admit."""
    found = logins.filter(**columns_of(filters))
    for name, value in filters.active.items():
        if value == OTHER_VALUE:
            column = LOGINS.dimensions[name]
            found = found.exclude(**{f"{column}__in": ["", *Terms().known(name)]})
    return found


def columns_of(filters: Filters) -> dict[str, Any]:
    """The filters by the columns of the log, save those by what the roll-ups do not tell apart."""
    return {
        "success" if name == "outcome" else LOGINS.dimensions[name]: value
        for name, value in filters.wanted.items()
        if value != OTHER_VALUE
    }
