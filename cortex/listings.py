"""Reads the lists of POVs and TRRs page by page, through the cache.

A cache key names whose rows it holds, because not everybody may see all. It contains only existing statuses and page
numbers, so that nobody can fill the cache by asking for others.
"""

from dataclasses import dataclass
from typing import Any

from django.core.cache import caches

from cortex.models import Pov, Trr, User

PAGE_ROWS = 50


@dataclass(frozen=True)
class Page:
    rows: list[list[Any]]
    number: int
    pages: int
    total: int


@dataclass(frozen=True)
class Listing:
    """`columns`: heading → field."""

    name: str
    title: str
    model: type[Pov] | type[Trr]
    columns: dict[str, str]

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in self.model.Status.choices]

    def page(self, user: User, *, status: str, number: int) -> Page:
        """Returns a page of the rows that the user may see. `status`: "" for all.

        `number` starts at 1. A number out of range gives the nearest page.
        """
        # People who may see everything share cached pages; each other user has their own.
        whose = "all" if user.may_see_all(self.model) else user.pk
        key = f"{self.name}:list:{whose}:{status or 'any'}"
        cache: Any = caches["lists"]
        total = cache.get_or_set(f"{key}:total", lambda: self._visible_rows(user, status).count())
        pages = max(1, -(-total // PAGE_ROWS))
        number = min(max(number, 1), pages)
        rows = cache.get_or_set(f"{key}:{number}", lambda: self._rows(user, status, number))
        return Page(rows, number, pages, total)

    def _visible_rows(self, user: User, status: str) -> Any:
        visible = self.model.objects.visible_to(user)
        return visible.filter(status=status) if status else visible

    def _rows(self, user: User, status: str, number: int) -> list[list[Any]]:
        start = (number - 1) * PAGE_ROWS
        labels = {field.name: dict(field.flatchoices) for field in self.model._meta.fields if field.choices}
        rows = self._visible_rows(user, status).values_list(*self.columns.values())[start : start + PAGE_ROWS]
        return [
            [
                labels.get(field, {}).get(value, value)
                for field, value in zip(self.columns.values(), row, strict=True)
            ]
            for row in rows
        ]


POVS = Listing(
    "povs",
    "POVs",
    Pov,
    {
        "Title": "title",
        "Customer": "customer",
        "Status": "status",
        "Priority": "priority",
        "Owner": "owner__email",
        "Ends": "end_date",
    },
)
TRRS = Listing(
    "trrs",
    "TRRs",
    Trr,
    {
        "Title": "title",
        "POV": "pov__title",
        "Category": "category",
        "Risk": "risk_level",
        "Status": "status",
        "Assessor": "assessor__email",
        "Due": "due_on",
    },
)
