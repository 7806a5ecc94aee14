"""Transforms a column's raw text into the text that a field cleans."""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from importer.batches import column_named
from importer.records import LONE_SURROGATE
from importer.specs.mapping import ColumnPlan
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

# strptime directives whose full-width form all parsers read alike.
DIRECTIVES = {
    "%Y": r"[1-9][0-9]{3}",
    "%m": r"(?:0[1-9]|1[0-2])",
    "%d": r"(?:0[1-9]|[12][0-9]|3[01])",
    "%H": r"(?:[01][0-9]|2[0-3])",
    "%M": r"[0-5][0-9]",
    "%S": r"[0-5][0-9]",
}
WIDTHS = {directive: 4 if directive == "%Y" else 2 for directive in DIRECTIVES}
ISO_PIECES = {
    "%Y-%m-%d": ("%Y", "-", "%m", "-", "%d"),
    "%Y-%m-%d %H:%M:%S": ("%Y", "-", "%m", "-", "%d", " ", "%H", ":", "%M", ":", "%S"),
}
ISO_DEFAULTS = {"%H": "00", "%M": "00", "%S": "00"}


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
    BY_POSITION = enum.auto()  # texts of the first format are rewritten as ISO, piece by piece
    BY_STRPTIME = enum.auto()  # the judge reads each distinct text


def way_of(plan: ColumnPlan) -> Way:
    if plan.formats:
        is_fixed = not plan.transforms and plan.iso_format is not None and fixed_layout(plan.formats[0])
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
            return _as_iso(text, plan)
        case Way.BY_DISTINCT_VALUE:
            return _by_distinct_value(plan, raw)
    is_ascii = text.str.len_bytes() == text.str.len_chars()
    for transform in plan.transforms:
        text = VECTORISED[transform](text)
    return pl.when(is_ascii).then(text)


def _as_iso(text: pl.Expr, plan: ColumnPlan) -> pl.Expr:
    """Rewrite texts in the first format as ISO. Other formats and widths are left to the judge."""
    layout = fixed_layout(plan.formats[0])
    assert layout
    assert plan.iso_format
    pieces = [
        text.str.slice(layout.places[piece], WIDTHS[piece])
        if piece in layout.places
        else pl.lit(ISO_DEFAULTS.get(piece, piece))
        for piece in ISO_PIECES[plan.iso_format]
    ]
    return pl.when(text.str.contains(layout.pattern)).then(pl.concat_str(pieces))


@dataclass(frozen=True, slots=True)
class Layout:
    """A format whose directives have fixed widths: the pattern of its texts, and where each directive begins."""

    pattern: str
    places: dict[str, int]


def fixed_layout(format_: str) -> Layout | None:
    """Return the layout of a strptime format; None if its positions are not fixed."""
    pattern, rest, place = "^", format_, 0
    places: dict[str, int] = {}
    while rest:
        directive = rest[:2]
        if directive in DIRECTIVES and directive not in places:
            places[directive] = place
            pattern, rest, place = pattern + DIRECTIVES[directive], rest[2:], place + WIDTHS[directive]
        elif rest[0] in "/-.: T,":
            pattern, rest, place = pattern + re.escape(rest[0]), rest[1:], place + 1
        else:
            return None
    clock = places.keys() & {"%H", "%M", "%S"}
    is_whole = {"%Y", "%m", "%d"} <= places.keys() and (not clock or {"%H", "%M"} <= clock)
    return Layout(pattern + "$", places) if is_whole else None


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
