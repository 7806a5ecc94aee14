"""Rows of which each may have megabytes, as many at a time as their bytes allow."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Length


def within_bytes(rows: QuerySet[Any], column: str, most: int) -> list[Any]:
    """The keys of the first of these rows whose values of a column have `most` characters together; one at least.

    The database adds them up: a page that turned out too large would be in memory by then.
    """
    sizes = list(rows.values_list("pk", Length(Cast(column, TextField()))))
    totals = accumulate(size or 0 for _, size in sizes)
    return [pk for (pk, _), total in zip(sizes, totals, strict=True) if total <= most] or [
        pk for pk, _ in sizes[:1]
    ]


def in_pages_of_bytes(rows: QuerySet[Any], column: str, *, size: int, most: int) -> Iterator[list[Any]]:
    """The rows in their order, page after page; each read when its page comes."""
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), size):
        left = keys[start : start + size]
        while left:
            page = rows.filter(pk__in=left)
            taken = frozenset(within_bytes(page, column, most))
            yield list(page.filter(pk__in=taken))
            left = [key for key in left if key not in taken]
