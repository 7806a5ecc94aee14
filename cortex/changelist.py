"""Restricts the lookups of admin lists, and answers invalid values like invalid filters."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DataError
from django.http import HttpRequest

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # not subscriptable at run time

COMPARISONS = ("", "exact", "in", "isnull", "gte", "lt", "year", "month", "day", "id__exact")


class StrictChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """Reports a value that the column rejects (NUL, a year out of range), which fails only when rows are read."""
        try:
            super().get_results(request)
        except (DataError, ValueError) as error:
            raise IncorrectLookupParameters(error) from None


class StrictLists(ModelAdmin):
    """Allows only simple comparisons. Django allows every lookup on a model's own columns, even a regular expression
    that takes minutes for one row."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        column, _, comparison = lookup.partition("__")
        is_own = any(field.name == column for field in self.model._meta.get_fields())
        return is_own and comparison in COMPARISONS and super().lookup_allowed(lookup, value, request)
