"""Prepares a page of a list for its template: headings that sort, cells with words, links to the pages beside it."""

from dataclasses import dataclass
from typing import Any

from cortex.pages.asked import Asked
from cortex.pages.columns import Column
from cortex.pages.listings import Listing, Page


@dataclass(frozen=True)
class Heading:
    """`order`: "ascending" or "descending" if the list is sorted by this column, else ""."""

    label: Any
    address: str
    order: str


@dataclass(frozen=True)
class Cell:
    kind: str
    heading: Any
    value: Any
    label: Any


@dataclass(frozen=True)
class Table:
    headings: list[Heading]
    rows: list[tuple[int, list[Cell]]]
    newer: str
    older: str
    sorts: list[tuple[str, Any]]


def table_of(listing: Listing, page: Page, asked: Asked) -> Table:
    labels = {
        column.field: column.labels(listing.model)
        for column in listing.columns
        if column.kind in ("badge", "choice")
    }
    return Table(
        headings=[_heading(column, asked) for column in listing.columns],
        rows=[
            (
                row[0],
                [
                    Cell(column.kind, column.heading, value, labels.get(column.field, {}).get(value, value))
                    for column, value in zip(listing.columns, row[1:], strict=True)
                ],
            )
            for row in page.rows
        ],
        newer=asked.address(before=page.newer, after=None) if page.newer else "",
        older=asked.address(after=page.older, before=None) if page.older else "",
        sorts=[(column.name, column.heading) for column in listing.columns],
    )


def _heading(column: Column, asked: Asked) -> Heading:
    order = ""
    if asked.column == column.name:
        order = "descending" if asked.descending else "ascending"
    return Heading(column.heading, asked.sorted_by(column.name), order)
