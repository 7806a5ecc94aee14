"""Typed values (Parquet, JSON, other databases) as the text that a CSV file would hold for them.

So every format goes through the same validation, and Django decides alone what a text means.
"""

import datetime as dt
import decimal
import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import polars as pl
from django.utils.duration import duration_iso_string

from importer.records import NOT_TEXT, SHOWN_CHARACTERS

# No column is to be handed over as JSON.
NONE: Mapping[str, frozenset[str]] = MappingProxyType({})


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


def as_json(value: Any, null_values: frozenset[str]) -> str | None:
    """One Python value as the JSON of it, which a JSONField reads back as the same value.

    None stays None, and so does a text that means "nothing", so that it is known as such.
    """
    if value is None or (isinstance(value, str) and value in null_values):
        return value
    return json.dumps(value, ensure_ascii=False, default=as_text)


def column_as_text(series: pl.Series, json_columns: Mapping[str, frozenset[str]]) -> pl.Series:
    """A typed column as text, by expressions where Polars writes what `as_text` would; or as JSON."""
    if series.name in json_columns:
        nulls = json_columns[series.name]
        return pl.Series(series.name, [as_json(value, nulls) for value in series.to_list()], dtype=pl.String)
    kind = series.dtype
    if kind == pl.String:
        return series
    if kind.is_integer() or kind == pl.Date or kind in (pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    if kind == pl.Boolean:
        return series.replace_strict({True: "True", False: "False"}, default=None, return_dtype=pl.String)
    return pl.Series(series.name, [as_text(value) for value in series.to_list()], dtype=pl.String)
