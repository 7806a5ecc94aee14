"""Reads rows that may have megabytes each, page by page, within a limit of bytes."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Length


def within_bytes(rows: QuerySet[Any], column: str, most: int) -> list[Any]:
    """Return the keys of the first rows whose values in a column have at most `most` characters together; at least one.

    The database adds them up: a page that turned out too large would already be in memory.
    """
    sizes = list(rows.values_list("pk", Length(Cast(column, TextField()))))
    totals = accumulate(size or 0 for _, size in sizes)
    return [pk for (pk, _), total in zip(sizes, totals, strict=True) if total <= most] or [
        pk for pk, _ in sizes[:1]
    ]


def in_pages_of_bytes(rows: QuerySet[Any], column: str, *, size: int, most: int) -> Iterator[list[Any]]:
    """Yield the rows in order, in pages of at most `size` rows and `most` characters. Each page is read when needed."""
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), size):
        left = keys[start : start + size]
        while left:
            page = rows.filter(pk__in=left)
            fitting = frozenset(within_bytes(page, column, most))
            yield list(page.filter(pk__in=fitting))
            left = [key for key in left if key not in fitting]
