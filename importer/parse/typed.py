"""Typed values (Parquet, JSON, other databases) as the text that a CSV file would hold for them.

So every format goes through the same validation, and Django decides alone what a text means.
"""

import datetime as dt
import decimal
import json
import math
from typing import Any

import polars as pl
from django.utils.duration import duration_iso_string

from importer.records import NOT_TEXT, SHOWN_CHARACTERS


def as_text(value: Any) -> str | None:
    """One Python value as text; None stays None, a float without fraction loses its ".0"."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return (
            str(int(value))
            if math.isfinite(value) and value == int(value) and abs(value) < 1e15
            else repr(value)
        )
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.timedelta):
        return duration_iso_string(value)
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=as_text)
    if isinstance(value, bytes | bytearray | memoryview):
        return decoded(bytes(value))
    return str(value)


def decoded(data: bytes) -> str:
    """The text, or what marks it as none, so that its record is rejected and no other."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return NOT_TEXT + data[:SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")


def column_as_text(series: pl.Series) -> pl.Series:
    """A typed column as text, by expressions where Polars writes what `as_text` would."""
    kind = series.dtype
    if kind == pl.String:
        return series
    if kind.is_integer() or kind == pl.Date or kind in (pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    if kind == pl.Boolean:
        return series.replace_strict({True: "True", False: "False"}, default=None, return_dtype=pl.String)
    return pl.Series(series.name, [as_text(value) for value in series.to_list()], dtype=pl.String)
