"""Admin lists that evaluate no lookups but those they offer, and answer invalid values like invalid filters."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DataError
from django.http import HttpRequest

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # takes no type while it runs

COMPARISONS = ("", "exact", "in", "isnull", "gte", "lt", "year", "month", "day", "id__exact")


class StrictChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """A value that a column does not take (NUL, a year beyond the calendar) fails when the rows are read."""
        try:
            super().get_results(request)
        except (DataError, ValueError) as error:
            raise IncorrectLookupParameters(error) from None


class StrictLists(ModelAdmin):
    """Django allows any lookup on a model's own columns, also a regular expression that takes minutes for a row."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        column, _, comparison = lookup.partition("__")
        is_own = any(field.name == column for field in self.model._meta.get_fields())
        return is_own and comparison in COMPARISONS and super().lookup_allowed(lookup, value, request)
