"""Reads period and filters from a query string."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from analytics.filters import Filters, filters_of
from analytics.period import DEFAULT_PRESET, Period, period_of


def parsed_query(request: HttpRequest) -> tuple[dict[str, str], Period, Filters]:
    """Read span, period and filters from the query string of a request. Raises BadPeriod, BadFilter."""
    return parsed(request.GET.dict())


def parsed(query: Mapping[str, Any]) -> tuple[dict[str, str], Period, Filters]:
    """Read span, period and filters. Raises BadPeriod, BadFilter."""
    period, filters = period_of(query), filters_of(query)
    if query.get("from") or query.get("to"):
        return {"from": str(period.first), "to": str(period.last)}, period, filters
    return {"range": query.get("range") or DEFAULT_PRESET}, period, filters
