"""Finds what is valid but hardly meant: digits lost in a spreadsheet, years of the wrong century, repeated headers."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl
from django.db import models
from django.utils import timezone

from importer.batches import Cleaned
from importer.records import shown
from importer.specs.mapping import ColumnPlan, Mapping, key_groups

# How a spreadsheet writes a number of more than eleven digits.
SCIENTIFIC = r"^[+-]?[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}$"
EXAMPLES = 3
HEADERS = "headers"


@dataclass(slots=True)
class Suspicions:
    """Looks at the columns of a mapping that may hold such values, until each was told once.

    place_of  names a line for people
    """

    identifiers: list[ColumnPlan]
    short_years: list[ColumnPlan]
    place_of: Callable[[int], str]
    told: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, mapping: Mapping, place_of: Callable[[int], str]) -> "Suspicions":
        unique = dict.fromkeys(plan for group in key_groups(mapping) for plan in group)
        takes = (models.CharField, models.TextField, models.DecimalField, models.FloatField)
        return cls(
            identifiers=[plan for plan in unique if isinstance(plan.field, takes)],
            short_years=[plan for plan in mapping.columns if any("%y" in f for f in plan.formats)],
            place_of=place_of,
        )

    def look(self, cleaned: Cleaned) -> dict[str, str]:
        """Return what is suspicious in this batch and was not told yet: a sentence by what it is about."""
        found = {}
        if HEADERS not in self.told and (lines := _headers(cleaned.batch.texts)):
            places = "; ".join(self.place_of(cleaned.batch.lines[number]) for number in lines[:EXAMPLES])
            found[HEADERS] = (
                f"Records repeat the header, as in files that were joined: {places}. They count as records; remove "
                f"them from the file if they are none."
            )
        for plan in self.identifiers:
            about = f"scientific:{plan.column}"
            if about not in self.told and (values := self._scientific(cleaned, plan)):
                found[about] = (
                    f'The column "{plan.column}" has identifiers in scientific notation, as a spreadsheet writes long '
                    f"numbers: {values}. Their last digits are lost; export the column as text."
                )
        for plan in self.short_years:
            about = f"century:{plan.column}"
            if about not in self.told and (values := self._years_to_come(cleaned, plan)):
                found[about] = (
                    f'The column "{plan.column}" has years of two digits that are read as years to come: {values}. '
                    f"If another century is meant, use a transform that writes the year in full."
                )
        return found

    def _scientific(self, cleaned: Cleaned, plan: ColumnPlan) -> str:
        texts = cleaned.batch.texts.get_column(plan.column).alias("texts")
        if not texts.str.contains("+", literal=True).any():  # rare, and cheaper than the pattern
            return ""
        found = texts.str.contains(SCIENTIFIC).fill_null(value=False).arg_true()
        return "; ".join(self._place(cleaned, plan, number) for number in found.head(EXAMPLES).to_list())

    def _years_to_come(self, cleaned: Cleaned, plan: ColumnPlan) -> str:
        values = cleaned.values.get_column(plan.target)
        today = timezone.now().date()
        later = (values.str.slice(0, 10) > today.isoformat()).fill_null(value=False).arg_true().to_list()
        found = [number for number in later if _has_short_year(cleaned, plan, number)]
        return "; ".join(
            f"{self._place(cleaned, plan, number)} is {values[number][:10]}" for number in found[:EXAMPLES]
        )

    def _place(self, cleaned: Cleaned, plan: ColumnPlan, number: int) -> str:
        text = cleaned.batch.texts[plan.column][number] or ""
        return f'"{shown(text)[:40]}" in {self.place_of(cleaned.batch.lines[number])}'


def _headers(texts: pl.DataFrame) -> list[int]:
    """Return the records that have the name of each column in it. A single column may well hold its name."""
    names = texts.columns
    if len(names) < 2:
        return []
    first = texts.get_column(names[0]).alias("first")  # a column's own name may be taken for a pattern
    alike = first.is_in([names[0], f"\ufeff{names[0]}"]).fill_null(value=False).arg_true().to_list()
    return [number for number in alike if list(texts.row(number)[1:]) == names[1:]]


def _has_short_year(cleaned: Cleaned, plan: ColumnPlan, number: int) -> bool:
    """Whether the year was read by %y: no format before it reads the text."""
    text = cleaned.batch.texts[plan.column][number]
    for format_ in () if text is None else plan.formats:
        try:
            dt.datetime.strptime(text, format_)  # noqa: DTZ007 (only whether it fits)
        except ValueError:
            continue
        return "%y" in format_
    return bool(plan.transforms)
