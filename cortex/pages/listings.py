"""Reads the lists of POVs and TRRs page by page: searched, filtered, sorted, and only what the user may see.

A page continues after the last row of the page before, so no page counts or skips rows.
https://use-the-index-luke.com/no-offset

Only first pages in the usual order are cached. A cache key names whose rows it holds, because not everybody may see
all. It contains only existing statuses, so that nobody can fill the cache by asking for others.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.cache import caches
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cortex.models import Pov, Trr, User
from cortex.pages.asked import NEWEST, Asked
from cortex.pages.columns import Column

PAGE_ROWS = 50
SOON = dt.timedelta(days=7)


@dataclass(frozen=True)
class Page:
    """`newer` and `older`: the rows at which the neighbouring pages begin; None where there is none."""

    rows: list[list[Any]]
    newer: int | None = None
    older: int | None = None


@dataclass(frozen=True)
class Listing:
    """A list. `having`: the condition of the records that have a word.

    `unfinished`: the statuses of records on which somebody works. `due`: the column of the date they end.
    """

    name: str
    title: str
    model: type[Pov] | type[Trr]
    columns: tuple[Column, ...]
    having: Callable[[str], Q]
    unfinished: tuple[str, ...]
    due: str

    @property
    def statuses(self) -> dict[str, str]:
        return {str(value): str(label) for value, label in self.model.Status.choices}

    def page(self, user: User, asked: Asked) -> Page:
        """Returns a page of the rows that the user may see. The first value of a row is its primary key."""
        if not asked.is_usual:
            return self._page(user, asked)
        # People who may see everything share cached pages; each other user has their own.
        whose = "all" if user.may_see_all(self.model) and not asked.mine else user.pk
        key = f"{self.name}:list:{whose}:{asked.status or 'any'}:{asked.due or 'any'}:{timezone.localdate()}"
        cache: Any = caches["lists"]
        rows, older = cache.get_or_set(key, lambda: self._first(user, asked))
        return Page(rows, older=older)

    def rows(self, user: User, asked: Asked) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model.objects.visible_to(user)
        if asked.mine:
            rows = rows & self.model.objects.of(user)
        if asked.status:
            rows = rows.filter(status=asked.status)
        if asked.due:
            rows = rows.filter(self.due_within(asked.due), status__in=self.unfinished)
        for word in asked.words:
            rows = rows.filter(self.having(word))
        return rows

    def due_within(self, due: str) -> Q:
        today = timezone.localdate()
        if due == "overdue":
            return Q(**{f"{self.due}__lt": today})
        return Q(**{f"{self.due}__gte": today, f"{self.due}__lte": today + SOON})

    def _first(self, user: User, asked: Asked) -> list[Any]:
        page = self._page(user, asked)
        return [page.rows, page.older]

    def _page(self, user: User, asked: Asked) -> Page:
        """Returns the first page if there is nothing beyond the row that is asked for, or no such row."""
        rows = self._sorted(self.rows(user, asked), asked)
        edge = asked.before or asked.after
        place = rows.filter(pk=edge).values_list("place", flat=True).first() if edge else None
        back = asked.before is not None and place is not None
        if place is not None:
            rows = rows.filter(_beyond(place, edge, less=asked.descending != back))
        keys = list((rows.reverse() if back else rows).values_list("pk", flat=True)[: PAGE_ROWS + 1])
        if place is not None and not keys:
            return self._page(user, replace(asked, after=None, before=None))
        has_more, keys = len(keys) > PAGE_ROWS, keys[:PAGE_ROWS]
        has_newer, has_older = (has_more, True) if back else (place is not None, has_more)
        keys = keys[::-1] if back else keys
        return Page(
            self._read(keys), newer=keys[0] if has_newer else None, older=keys[-1] if has_older else None
        )

    def _read(self, keys: list[int]) -> list[list[Any]]:
        """Reads the columns of a page's rows, in a query of its own: to sort joined rows takes three times as long."""
        columns = (column.value for column in self.columns)
        rows = self.model.objects.filter(pk__in=keys).order_by().values_list("pk", *columns)
        found = {row[0]: list(row) for row in rows}
        return [found[key] for key in keys if key in found]

    def _sorted(self, rows: QuerySet[Any], asked: Asked) -> QuerySet[Any]:
        column = next((column for column in self.columns if column.name == asked.column), None)
        place = column.sort_value(self.model, descending=asked.descending) if column else F("created_at")
        sign = "-" if asked.descending else ""
        return rows.annotate(place=place).order_by(f"{sign}place", f"{sign}pk")

    def asked_by(self, parameters: Mapping[str, str], *, may_see_all: bool) -> Asked:
        """Reads what an address asks for, and ignores what there is not. Who sees only their own needs no `mine`."""
        return Asked.read(
            parameters,
            statuses=self.statuses,
            columns={column.name for column in self.columns} | {NEWEST},
            may_choose_mine=may_see_all,
        )


def _pov_has(word: str) -> Q:
    return Q(title__icontains=word) | Q(customer__icontains=word)


def _trr_has(word: str) -> Q:
    # Not `pov__title`, for the reason that `TrrQuerySet.of` has.
    return Q(title__icontains=word) | Q(pov__in=Pov.objects.filter(_pov_has(word)))


def _beyond(place: Any, pk: int | None, *, less: bool) -> Q:
    """The rows after a row in the order of `place` and primary key, both descending with `less`."""
    comparison = "lt" if less else "gt"
    # The first condition alone bounds the scan of an index; the second separates rows of one value.
    bound = Q(**{f"place__{comparison}e": place})
    return bound & (Q(**{f"place__{comparison}": place}) | Q(**{"place": place, f"pk__{comparison}": pk}))


POVS = Listing(
    "povs",
    "POVs",
    Pov,
    (
        Column("title", _("Title"), "title", "title"),
        Column("customer", _("Customer"), "customer"),
        Column("status", _("Status"), "status", "badge"),
        Column("priority", _("Priority"), "priority", "badge"),
        Column("owner", _("Owner"), "owner", "person"),
        Column("due", _("Ends"), "end_date", "date"),
    ),
    having=_pov_has,
    unfinished=(Pov.Status.PLANNED, Pov.Status.ACTIVE, Pov.Status.ON_HOLD),
    due="end_date",
)
TRRS = Listing(
    "trrs",
    "TRRs",
    Trr,
    (
        Column("title", _("Title"), "title", "title"),
        Column("pov", _("POV"), "pov__title"),
        Column("category", _("Category"), "category", "choice"),
        Column("risk", _("Risk"), "risk_level", "badge"),
        Column("status", _("Status"), "status", "badge"),
        Column("assessor", _("Assessor"), "assessor", "person"),
        Column("due", _("Due"), "due_on", "date"),
    ),
    having=_trr_has,
    unfinished=(Trr.Status.OPEN, Trr.Status.IN_REVIEW),
    due="due_on",
)
