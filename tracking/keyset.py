"""Paginates admin lists by key, so that they stay fast at any size: no COUNT, no OFFSET, no DISTINCT.

A page continues after the last row of the page before, ordered by the columns of an index.
https://use-the-index-luke.com/no-offset
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils import timezone

BEFORE, AFTER = "before", "after"
# The columns of all lists that are users.
USERS = ("user", "acting_as", "handled_by")


class KeysetChangeList(ChangeList):
    """A change list ordered by the time column `model_admin.keyset`, then by primary key, both descending.

    Overrides `get_results`, `get_ordering` and `get_filters_params`, which Django's ChangeList does not document.
    tests/tracking/test_admin.py breaks first if they change.
    """

    newer_query = older_query = ""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        filters: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in filters.items() if name not in (BEFORE, AFTER)}

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return [f"-{self._moment}", "-pk"]

    def get_results(self, request: HttpRequest) -> None:
        try:
            rows: Any = self._page(request)
        except (
            DataError,
            ValueError,
        ) as error:  # a value that the column cannot hold: NUL, a year outside the calendar
            raise IncorrectLookupParameters(error) from None
        prefetch_related_objects(rows, *(name for name in USERS if name in self._columns))
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)
        self.can_show_all = self.multi_page = False
        self.paginator = self.model_admin.get_paginator(request, rows, self.list_per_page)

    def _page(self, request: HttpRequest) -> list[Any]:
        size = self.list_per_page
        after = request.GET.get(AFTER)
        if after:
            newer = self._beyond(after, "gt").order_by(self._moment, "pk")[: size + 1]
            rows = list(newer)
            has_newer, has_older = len(rows) > size, True
            rows = rows[:size][::-1]
        else:
            before = request.GET.get(BEFORE)
            older = self._beyond(before, "lt") if before else self.queryset
            rows = list(older[: size + 1])
            has_newer, has_older = bool(before), len(rows) > size
            rows = rows[:size]
        if rows and has_newer:
            self.newer_query = self._query(AFTER, rows[0])
        if rows and has_older:
            self.older_query = self._query(BEFORE, rows[-1])
        return rows

    @property
    def _columns(self) -> set[str]:
        return {field.name for field in self.model._meta.concrete_fields}

    @property
    def _moment(self) -> str:
        return str(self.model_admin.keyset)  # type: ignore[attr-defined]

    def _beyond(self, cursor: str, comparison: str) -> QuerySet[Any]:
        try:
            moment_text, key_text = cursor.split("~", 1)
            moment = _usable(dt.datetime.fromisoformat(moment_text))
            key = self.model._meta.pk.to_python(key_text)
        except (ValueError, OverflowError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from None
        # The first condition alone bounds the scan of the index; the second only separates rows of one moment.
        bound = Q(**{f"{self._moment}__{comparison}e": moment})
        beyond = Q(**{f"{self._moment}__{comparison}": moment}) | Q(
            **{self._moment: moment, f"pk__{comparison}": key}
        )
        return self.queryset.filter(bound, beyond)

    def _query(self, name: str, row: Any) -> str:
        cursor = f"{getattr(row, self._moment).isoformat()}~{row.pk}"
        other = AFTER if name == BEFORE else BEFORE
        return self.get_query_string({name: cursor}, remove=[other])


def _usable(moment: dt.datetime) -> dt.datetime:
    """Return the moment as the database stores it. Raises OverflowError if that is outside the calendar."""
    if timezone.is_naive(moment):
        return timezone.make_aware(moment, dt.UTC) if settings.USE_TZ else moment
    moment = moment.astimezone(dt.UTC)
    return moment if settings.USE_TZ else timezone.make_naive(moment)
