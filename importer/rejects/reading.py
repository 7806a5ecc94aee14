"""Tells how a job's spec reads the columns of its rejected records."""

from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from importer.batches import Batch
from importer.exceptions import MappingRefused, UnknownSpec
from importer.models import DataImportJob
from importer.records import Position
from importer.rejects.cells import nulls_of
from importer.specs.compile import compile_mapping
from importer.specs.mapping import ColumnPlan
from importer.specs.registry import get_spec
from importer.validate.validate import Validator


@dataclass(slots=True)
class Reading:
    """The columns of each field, and how they are read. Nothing is known if the spec is not valid any more.

    plans    how the columns of values are read; references are judged by what they refer to, not by their values
    columns  the columns of each field
    nulls    the text that means null, where that is not the empty text
    """

    alias: str = ""
    plans: dict[str, ColumnPlan] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    nulls: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, job: DataImportJob) -> "Reading":
        try:
            mapping = compile_mapping(get_spec(job.spec), job.columns or [], job.dialect)
            nulls = nulls_of(job)
        except (UnknownSpec, MappingRefused):
            return cls()
        columns: dict[str, tuple[str, ...]] = {}
        parts = [part for lookup in mapping.lookups for part in lookup.parts]
        for plan in (*mapping.columns, *parts):
            columns[plan.reports_as] = (*columns.get(plan.reports_as, ()), plan.column)
        columns |= {plan.field.name: (plan.column,) for plan in mapping.manys}
        return cls(mapping.alias, {plan.reports_as: plan for plan in mapping.columns}, columns, nulls)

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Return the columns that an error is about. A cell without a value is named by its column."""
        return self.columns.get(name, (name,) if name else ())

    @property
    def read(self) -> list[str]:
        """The columns that the spec reads."""
        return list(dict.fromkeys(column for columns in self.columns.values() for column in columns))

    def null_of(self, column: str) -> str:
        return self.nulls.get(column, "")

    def accepted(self, plan: ColumnPlan, texts: Collection[str]) -> set[str]:
        """Return the texts that the field's own validation accepts."""
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return set()
        frame = pl.DataFrame({plan.column: distinct}, {plan.column: pl.String})
        lines = pl.int_range(1, len(distinct) + 1, eager=True)
        batch = Batch(frame, lines, Position(0, 1), Position(0, len(distinct) + 1))
        refused = Validator([plan], self.alias).validate(batch).errors
        return {text for number, text in enumerate(distinct) if number not in refused}
