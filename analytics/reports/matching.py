"""Finds the logins that match filters."""

from typing import Any

from analytics.filters import Filters
from analytics.rollups.logs import LOGINS
from analytics.rollups.terms import OTHER_VALUE, Terms


def matching(logins: Any, filters: Filters) -> Any:
    """Narrow a queryset of logins to those that match the filters."""
    rows = logins.filter(**columns_of(filters))
    for name, value in filters.active.items():
        if value == OTHER_VALUE:
            column = LOGINS.dimensions[name]
            rows = rows.exclude(**{f"{column}__in": ["", *Terms().values_of(name)]})
    return rows


def columns_of(filters: Filters) -> dict[str, Any]:
    """Return the filters by the columns of the log, without filters by "(other)", which no column has."""
    return {
        "success" if name == "outcome" else LOGINS.dimensions[name]: value
        for name, value in filters.log_values.items()
        if value != OTHER_VALUE
    }
