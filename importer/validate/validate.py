"""Validate: fast accept, slow judge.

Each field's lane accepts what it can prove, for all records at once; the distinct values that are left go to Django.
"""

from dataclasses import dataclass, field, replace

import polars as pl

from importer.records import Batch, RecordError
from importer.specs.mapping import ColumnPlan, Mapping
from importer.validate.transform import raw_text, transformed


@dataclass(slots=True)
class Judged:
    """A batch's values as text for PostgreSQL, one column per target, with what was found wrong by record number.

    Records with errors stay in `values` until they are written, so that numbers keep their meaning.
    """

    batch: Batch
    values: pl.DataFrame
    errors: dict[int, list[RecordError]] = field(default_factory=dict)

    def reject(self, number: int, *errors: RecordError) -> None:
        self.errors.setdefault(number, []).extend(errors)

    def part(self, start: int, end: int) -> "Judged":
        """Some of the records, with numbers of their own. All of them are this very object: nothing is held twice."""
        if (start, end) == (0, self.values.height):
            return self
        batch = replace(
            self.batch,
            texts=self.batch.texts[start:end],
            lines=self.batch.lines[start:end],
            rejections=[],
        )
        errors = {number - start: found for number, found in self.errors.items() if start <= number < end}
        return Judged(batch, self.values[start:end], errors)

    def take_back(self, part: "Judged", start: int) -> None:
        """Know what was found wrong in a part."""
        self.errors |= {number + start: found for number, found in part.errors.items()}

    def sound(self) -> pl.Series:
        """The numbers of the records without errors."""
        numbers = pl.int_range(self.values.height, eager=True, dtype=pl.Int64)
        if not self.errors:
            return numbers
        return numbers.filter(~numbers.is_in(list(self.errors)))


def validate(batch: Batch, mapping: Mapping) -> Judged:
    plans = [*mapping.columns, *(part for lookup in mapping.lookups for part in lookup.parts)]
    return validate_columns(batch, plans)


def validate_columns(batch: Batch, plans: list[ColumnPlan]) -> Judged:
    if not plans:
        return Judged(batch, pl.DataFrame({"": pl.Series([None] * batch.texts.height, dtype=pl.String)}))
    verdicts = _fast(batch, plans)
    judged = Judged(batch, verdicts.select(plan.target for plan in plans))
    for plan in plans:
        accepted = verdicts.get_column(f"{plan.target}?")
        if not accepted.all():
            _slow(judged, plan, accepted)
    return judged


def _fast(batch: Batch, plans: list[ColumnPlan]) -> pl.DataFrame:
    """For each plan a column of values, and one (`?`) that says which of them are accepted.

    In three queries, because a query computes an expression as often as it stands in it: the raw texts (`#`), the
    transformed ones (`!`), and the lanes on top of them.
    """
    raw = batch.texts.select(raw_text(plan).alias(f"{plan.target}#") for plan in plans)
    texts = raw.with_columns(
        transformed(plan, raw.get_column(f"{plan.target}#")).alias(f"{plan.target}!")
        for plan in plans
        if plan.transforms or plan.formats
    )
    return texts.select(expression for plan in plans for expression in _lane_expressions(plan))


def _lane_expressions(plan: ColumnPlan) -> tuple[pl.Expr, pl.Expr]:
    raw = pl.col(f"{plan.target}#")
    text = pl.col(f"{plan.target}!") if plan.transforms or plan.formats else raw
    if plan.lane.fast is None:
        value, accepted = pl.lit(None, dtype=pl.String), pl.lit(value=False)
    else:
        value, accepted = plan.lane.fast(text)
        empty = text == ""
        accepted = (accepted | empty) if plan.accepts_empty else accepted & ~empty
    null_passes = pl.lit(plan.accepts_null or plan.null_is_blank)
    accepted = ((raw.is_null() & null_passes) | accepted).fill_null(value=False)
    if plan.null_is_blank:
        value = pl.when(raw.is_null()).then(pl.lit("")).otherwise(value)
    return value.alias(plan.target), accepted.alias(f"{plan.target}?")


def _slow(judged: Judged, plan: ColumnPlan, accepted: pl.Series) -> None:
    """Ask the judge about each distinct value that is left, and put its answers in their places."""
    left = judged.batch.texts.select(raw_text(plan).alias("text"), number=pl.int_range(pl.len())).filter(
        ~accepted
    )
    texts = left.get_column("text")
    distinct = texts.unique()
    verdicts = [plan.judge(text) for text in distinct.to_list()]
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
            judged.reject(number, *verdicts[verdict][1])
    values = pl.Series(plan.target, [verdicts[verdict][0] for verdict in which], dtype=pl.String)
    column = judged.values.get_column(plan.target)
    judged.values = judged.values.with_columns(column.scatter(numbers, values))
