"""Transforms a column's raw text into the text that a field cleans."""

import enum
from collections.abc import Callable
from typing import Any

import polars as pl

from importer.batches import column_named
from importer.records import LONE_SURROGATE
from importer.specs.mapping import ColumnPlan
from importer.validate.values.layouts import as_iso, layouts_of
from importer.validate.values.notation import plain_column

# ASCII characters that `str.strip()` removes; Polars' default differs.
ASCII_SPACE = " \t\n\r\v\f\x1c\x1d\x1e\x1f"

# Transforms with an expression that gives the same result for ASCII texts.
VECTORISED: dict[Callable[..., Any], Callable[[pl.Expr], pl.Expr]] = {
    str.lower: lambda text: text.str.to_lowercase(),
    str.upper: lambda text: text.str.to_uppercase(),
    str.strip: lambda text: text.str.strip_chars(ASCII_SPACE),
    str.lstrip: lambda text: text.str.strip_chars_start(ASCII_SPACE),
    str.rstrip: lambda text: text.str.strip_chars_end(ASCII_SPACE),
}


def raw_text(plan: ColumnPlan) -> pl.Expr:
    """Return the column with the spec's null values made null."""
    text = column_named(plan.column)
    nulls = sorted(plan.null_values)
    if not nulls:
        return text
    is_null = text == nulls[0] if len(nulls) == 1 else text.is_in(nulls)
    return pl.when(is_null).then(None).otherwise(text)


class Way(enum.Enum):
    """How a column's raw texts are transformed for the fast lane."""

    AS_THEY_ARE = enum.auto()
    BY_COLUMN = enum.auto()
    BY_DISTINCT_VALUE = enum.auto()
    BY_POSITION = enum.auto()  # texts of formats with fixed places are rewritten as ISO, piece by piece
    BY_STRPTIME = enum.auto()  # the judge reads each distinct text


def way_of(plan: ColumnPlan) -> Way:
    if plan.formats:
        is_fixed = not plan.transforms and plan.iso_format is not None and layouts_of(plan.formats)
        return Way.BY_POSITION if is_fixed else Way.BY_STRPTIME
    if not plan.transforms:
        return Way.AS_THEY_ARE
    return Way.BY_DISTINCT_VALUE if own_transforms(plan) else Way.BY_COLUMN


def own_transforms(plan: ColumnPlan) -> list[Callable[..., Any]]:
    """Return the transforms that have no expression."""
    return [transform for transform in plan.transforms if transform not in VECTORISED]


def transformed(plan: ColumnPlan, raw: pl.Series) -> pl.Expr | pl.Series:
    """Return the text for the fast lane: null if only the judge can decide (and where the source is null)."""
    text = _transformed(plan, raw)
    if plan.notation is None:
        return text
    return plain_column(pl.lit(text) if isinstance(text, pl.Series) else text, plan.notation)


def _transformed(plan: ColumnPlan, raw: pl.Series) -> pl.Expr | pl.Series:
    text = pl.col(raw.name)
    match way_of(plan):
        case Way.AS_THEY_ARE:
            return text
        case Way.BY_STRPTIME:
            return pl.lit(None, dtype=pl.String)
        case Way.BY_POSITION:
            return as_iso(raw, layouts_of(plan.formats), with_clock=plan.iso_format != "%Y-%m-%d")
        case Way.BY_DISTINCT_VALUE:
            return _by_distinct_value(plan, raw)
    is_ascii = text.str.len_bytes() == text.str.len_chars()
    for transform in plan.transforms:
        text = VECTORISED[transform](text)
    return pl.when(is_ascii).then(text)


def _by_distinct_value(plan: ColumnPlan, texts: pl.Series) -> pl.Series:
    """Call the transforms once per distinct value. Results that are not text are left to the judge."""
    distinct = texts.drop_nulls().unique()
    changed = [_call(plan.transforms, text) for text in distinct.to_list()]
    return texts.replace_strict(
        distinct, pl.Series(changed, dtype=pl.String), default=None, return_dtype=pl.String
    )


def _call(transforms: tuple[Callable[[Any], Any], ...], text: str) -> str | None:
    value: Any = text
    try:
        for transform in transforms:
            value = transform(value)
    except Exception:  # a site's transform may raise anything; the judge calls it again and reports the error
        return None
    return value if type(value) is str and not LONE_SURROGATE.search(value) else None
