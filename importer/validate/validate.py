"""Cleans a batch: a lane accepts by columns what it can prove; Django judges other distinct values."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from django.core.exceptions import ValidationError
from django.db import connections

from importer.batches import Batch, Cleaned, column_named
from importer.records import RecordError
from importer.specs.mapping import ColumnPlan, Mapping
from importer.validate.values.encode import Encoder
from importer.validate.values.judge import Judge, as_errors
from importer.validate.values.lanes import Lane, lane_of
from importer.validate.values.transform import raw_text, transformed


@dataclass(frozen=True, slots=True)
class _Column:
    """A column with its judge, and the expressions of its raw texts, of its values and of what is accepted."""

    plan: ColumnPlan
    judge: Judge
    raw: pl.Expr
    value: pl.Expr
    accepted: pl.Expr

    @classmethod
    def of(cls, plan: ColumnPlan, encoder: Encoder) -> "_Column":
        return cls(
            plan,
            Judge(plan, encoder),
            raw_text(plan).alias(f"{plan.target}#"),
            _value(plan, lane_of(plan.field)).alias(plan.target),
            _accepted(plan).alias(f"{plan.target}?"),
        )


class Validator:
    """Cleans batches on this thread's connection, and remembers Django's answers from batch to batch."""

    def __init__(self, plans: Sequence[ColumnPlan], alias: str) -> None:
        encoder = Encoder(connections[alias])
        self.columns = [_Column.of(plan, encoder) for plan in plans]

    @classmethod
    def of(cls, mapping: Mapping) -> "Validator":
        """Create a validator for all columns that the mapping reads."""
        parts = [part for lookup in mapping.lookups for part in lookup.parts]
        return cls([*mapping.columns, *parts], mapping.alias)

    def validate(self, batch: Batch) -> Cleaned:
        if not self.columns:
            return Cleaned(batch, pl.DataFrame({"": pl.Series([None] * batch.texts.height, dtype=pl.String)}))
        verdicts = self._by_columns(batch)
        series = []
        errors: dict[int, list[RecordError]] = {}
        for column in self.columns:
            values = verdicts.get_column(column.plan.target)
            accepted = verdicts.get_column(f"{column.plan.target}?")
            cleaned = values if accepted.all() else _slow(batch, column, values, accepted, errors)
            series.append(_normalized(cleaned, column.plan, errors))
        return Cleaned(batch, pl.DataFrame(series), errors)

    def judge_of(self, plan: ColumnPlan) -> Judge:
        return next(column.judge for column in self.columns if column.plan is plan)

    def _by_columns(self, batch: Batch) -> pl.DataFrame:
        """Return, for each plan, a column of values and one (`?`) that tells which are accepted.

        Uses four queries, because a query computes an expression as often as it occurs: raw texts (`#`), transformed
        texts (`!`), the lanes' values, and what they accept.
        """
        raw = batch.texts.select(column.raw for column in self.columns)
        texts = raw.with_columns(
            transformed(plan, raw.get_column(f"{plan.target}#")).alias(f"{plan.target}!")
            for plan in (column.plan for column in self.columns)
            if plan.is_rewritten
        )
        values = texts.with_columns(column.value for column in self.columns)
        return values.with_columns(column.accepted for column in self.columns)


def _value(plan: ColumnPlan, lane: Lane) -> pl.Expr:
    """Return the value that the lane accepts; null for what is left to Django, and for null."""
    fast = lane.fast
    raw = pl.col(f"{plan.target}#")
    text = pl.col(f"{plan.target}!") if plan.is_rewritten else raw
    value = pl.lit(None, dtype=pl.String)
    if fast is not None:
        empty = pl.lit("" if plan.accepts_empty else None, dtype=pl.String)
        value = pl.when(text == "").then(empty).otherwise(fast(text))
    return pl.when(raw.is_null()).then(pl.lit("")).otherwise(value) if plan.null_is_blank else value


def _accepted(plan: ColumnPlan) -> pl.Expr:
    is_value = column_named(plan.target).is_not_null()
    return is_value | pl.col(f"{plan.target}#").is_null() if plan.accepts_null else is_value


def _slow(
    batch: Batch,
    column: _Column,
    values: pl.Series,
    accepted: pl.Series,
    errors: dict[int, list[RecordError]],
) -> pl.Series:
    """Ask the judge about each remaining distinct text, scatter its values, and add its errors to `errors`."""
    left = batch.texts.select(raw_text(column.plan).alias("text"), number=pl.int_range(pl.len())).filter(
        ~accepted
    )
    texts = left.get_column("text")
    distinct = texts.unique()
    verdicts = [column.judge(text) for text in distinct.to_list()]
    answers = left.join(
        pl.DataFrame(
            {"text": distinct, "verdict": range(len(verdicts))}, schema_overrides={"text": pl.String}
        ),
        on="text",
        how="left",
        nulls_equal=True,
        maintain_order="left",
    ).get_column("verdict")
    numbers, which = left.get_column("number"), answers.to_list()
    for number, verdict in zip(numbers.to_list(), which, strict=True):
        if verdicts[verdict][1]:
            errors.setdefault(number, []).extend(verdicts[verdict][1])
    judged = pl.Series(column.plan.target, [verdicts[verdict][0] for verdict in which], dtype=pl.String)
    return values.scatter(numbers, judged)


def _normalized(values: pl.Series, plan: ColumnPlan, errors: dict[int, list[RecordError]]) -> pl.Series:
    """Do to the values what the model's `clean()` does. As there, an exception rejects the record."""
    if plan.normalize is None:
        return values
    texts: list[str | None] = []
    for number, text in enumerate(values):
        try:
            texts.append(plan.normalize(text))
        except ValidationError as error:
            texts.append(None)
            errors.setdefault(number, as_errors("", error))
        except Exception as error:
            # The site's code may raise anything.
            texts.append(None)
            errors.setdefault(number, [RecordError("", "clean_failed", f"{type(error).__name__}: {error}")])
    return pl.Series(values.name, texts, dtype=pl.String)
