"""Reads what the address of a list asks for, and writes addresses of its other pages and orders.

Everything is in the address, so that a list can be bookmarked and sent. What does not exist is ignored.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

MOST_CHARACTERS, MOST_WORDS = 100, 5
NEWEST = "newest"  # the usual order: by the time of creation, descending
DUE = ("overdue", "week")
MOST_DIGITS = 18  # of a primary key


@dataclass(frozen=True)
class Asked:
    """`after` and `before`: the row at the edge of the page before or after this one."""

    q: str = ""
    status: str = ""
    due: str = ""
    mine: bool = False
    column: str = NEWEST
    descending: bool = True
    after: int | None = None
    before: int | None = None

    @classmethod
    def read(
        cls,
        parameters: Mapping[str, str],
        *,
        statuses: Collection[str],
        columns: Collection[str],
        may_choose_mine: bool,
    ) -> "Asked":
        column = parameters.get("sort", "").removeprefix("-")
        status, due = parameters.get("status", ""), parameters.get("due", "")
        is_sorted = column in columns and column != NEWEST
        return cls(
            q=_text(parameters.get("q", "")),
            status=status if status in statuses else "",
            due=due if due in DUE else "",
            mine=may_choose_mine and parameters.get("mine") == "1",
            column=column if is_sorted else NEWEST,
            descending=not is_sorted or parameters["sort"].startswith("-"),
            after=_key(parameters.get("after", "")),
            before=_key(parameters.get("before", "")),
        )

    @property
    def words(self) -> list[str]:
        return self.q.split()[:MOST_WORDS]

    @property
    def sort(self) -> str:
        """The parameter; "" for the usual order."""
        return "" if self.column == NEWEST else f"{'-' if self.descending else ''}{self.column}"

    @property
    def is_usual(self) -> bool:
        """Whether it is a first page in the usual order, which people see most and which is cached."""
        return not (self.q or self.sort or self.after or self.before)

    @property
    def is_filtered(self) -> bool:
        return bool(self.q or self.status or self.due or self.mine)

    def sorted_by(self, column: str) -> str:
        """The address of the first page in the order of a column; the other way round if it is in that order."""
        descending = self.column == column and not self.descending
        return self.address(column=column, descending=descending, after=None, before=None)

    def address(self, **changes: Any) -> str:
        asked = replace(self, **changes)
        parameters = {
            "q": asked.q,
            "status": asked.status,
            "due": asked.due,
            "mine": "1" if asked.mine else "",
            "sort": asked.sort,
            "after": asked.after or "",
            "before": asked.before or "",
        }
        return "?" + urlencode({name: value for name, value in parameters.items() if value})


def _text(typed: str) -> str:
    """Without NUL, which PostgreSQL rejects."""
    return " ".join(typed.replace("\0", " ").split())[:MOST_CHARACTERS].strip()


def _key(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return (int(text) or None) if is_number else None
