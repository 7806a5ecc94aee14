"""Writes numbers and dates the way the spec expects them in text, so that one spec reads sheets and CSV files alike."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from importer.exceptions import MappingRefused
from importer.models import DataImportJob
from importer.specs.compile import compile_mapping
from importer.specs.mapping import ColumnPlan
from importer.specs.registry import get_spec


@dataclass(frozen=True, slots=True)
class CellNotation:
    """The decimal sign and the date formats that the spec declares for a column."""

    decimal: str
    formats: tuple[str, ...]

    def number(self, text: str) -> str:
        return text.replace(".", self.decimal, 1)

    def moment(self, text: str) -> str:
        """Write a date, a moment or a time in the first of the formats that loses nothing of it."""
        try:
            moment = dt.datetime.fromisoformat(text if "-" in text else f"1900-01-01 {text}")
        except ValueError:
            return text
        return next((w for f in self.formats if (w := _written(moment, f)) is not None), text)


# Notations by column, from 0, of a sheet with this header.
Notations = Callable[[Sequence[str]], dict[int, CellNotation]]


def notations_of(job: DataImportJob, dialect: dict[str, object]) -> Notations:
    """Return what tells the notations of a header's columns; only those that differ from a sheet's own."""

    def notations(header: Sequence[str]) -> dict[int, CellNotation]:
        try:
            mapping = compile_mapping(get_spec(job.spec), list(header), dialect)
        except MappingRefused:
            return {}  # the plan refuses the source
        parts = (part for lookup in mapping.lookups for part in lookup.parts)
        plans = {plan.column: plan for plan in (*parts, *mapping.columns)}
        found = {number: _notation(plans[name]) for number, name in enumerate(header) if name in plans}
        return {number: notation for number, notation in found.items() if notation != CellNotation(".", ())}

    return notations


def _notation(plan: ColumnPlan) -> CellNotation:
    return CellNotation(plan.notation.decimal_sign if plan.notation else ".", plan.formats)


def _written(moment: dt.datetime, format_: str) -> str | None:
    try:
        written = moment.strftime(format_)
        return written if dt.datetime.strptime(written, format_) == moment else None  # noqa: DTZ007 (as the cell)
    except (ValueError, TypeError):
        return None
