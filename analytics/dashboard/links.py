"""Makes addresses: of the dashboard with other filters, and of the admin's lists behind a figure."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import NoReverseMatch, reverse

from analytics.calendar import midnight, stored
from analytics.conf import zone
from analytics.filters import Filters
from analytics.period import DAY, PRESETS, Period
from analytics.reports.matching import columns_of
from analytics.rights import Rights
from tracking.models import ActivityLog, LoginEvent, SecurityAlert


@dataclass(frozen=True)
class Links:
    """The addresses of a page. `span` is the period as in the query: {"range": "28d"}, or "from" and "to"."""

    span: dict[str, str]
    period: Period
    filters: Filters
    rights: Rights

    def query(self, **changes: str | None) -> str:
        """Return the query of this page with some filters changed; None removes one."""
        values = self.span | self.filters.active | changes
        return urlencode({name: value for name, value in values.items() if value is not None})

    def with_span(self, **span: str) -> str:
        return urlencode(span | self.filters.active)

    def without_filters(self) -> str:
        return urlencode(self.span)

    def presets(self) -> list[tuple[str, str, bool]]:
        """Return label and query of each preset, and whether it is chosen."""
        chosen = self.span.get("range")
        return [(str(label), self.with_span(range=name), name == chosen) for name, label in PRESETS.items()]

    def logins(self, **columns: Any) -> str | None:
        """Return the admin's list of the counted logins, narrowed by columns of the log; None without permission."""
        return admin_list(LoginEvent, self._counted | columns) if self.rights.logins else None

    def alerts(self, **columns: Any) -> str | None:
        return admin_list(SecurityAlert, self._within | columns) if self.rights.alerts else None

    def activities(self, **columns: Any) -> str | None:
        return admin_list(ActivityLog, self._within | columns) if self.rights.activities else None

    @cached_property
    def _within(self) -> dict[str, Any]:
        start, end = midnight(self.period.first, zone()), midnight(self.period.last + DAY, zone())
        return {"timestamp__gte": stored(start), "timestamp__lt": stored(end)}

    @cached_property
    def _counted(self) -> dict[str, Any]:
        return self._within | columns_of(self.filters)


def admin_list(model: type[Model], columns: dict[str, Any]) -> str | None:
    """Return the admin's list of a model, filtered by the columns that are not None.

    None if the model is not in the admin.
    """
    try:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    except NoReverseMatch:
        return None
    query = {_lookup(name): _text(value) for name, value in columns.items() if value is not None}
    return f"{address}?{urlencode(query)}"


def admin_row(model: type[Model], key: Any) -> str | None:
    """Return the admin's page of a row; None if the model is not in the admin."""
    try:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return reverse(name, args=[quote(str(key))])
    except NoReverseMatch:
        return None


def _lookup(name: str) -> str:
    return name if "__" in name else f"{name}__exact"


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
