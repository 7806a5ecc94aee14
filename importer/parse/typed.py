"""Writes typed values (Parquet, JSON, other databases) as the text that a CSV file would have.

So every format goes through the same validation, and only Django decides what a text means.
"""

import base64
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

EPOCH = dt.date(1970, 1, 1)
CALENDAR = (pl.Date, pl.Datetime)
BYTES = (bytes, bytearray, memoryview)
# Base64 of no bytes. The empty text would mean nothing, as in a CSV file.
NO_BYTES = "===="
# Polars panics on values beyond the calendar; a panic is not a subclass of Exception.
UNWRITABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, OverflowError)
# For sources without JSON columns.
NONE: Mapping[str, frozenset[str]] = MappingProxyType({})


def as_text(value: Any) -> str | None:
    """Write one Python value as text. None stays None; a float without fraction loses its ".0"."""
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
    if isinstance(value, BYTES):
        return decoded(bytes(value))
    return str(value)


def as_bytes(value: Any) -> str | None:
    """Write bytes, also those within a list, as base64, the text that a BinaryField reads; other values as text."""
    if isinstance(value, list):
        return json.dumps(value, default=as_bytes)
    return base64.b64encode(value).decode() or NO_BYTES if isinstance(value, BYTES) else as_text(value)


def decoded(data: bytes) -> str:
    """Decode UTF-8. Undecodable bytes get the prefix NOT_TEXT, so that only their record is rejected."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return NOT_TEXT + data[:SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")


def as_json(value: Any, null_values: frozenset[str]) -> str | None:
    """Write one Python value as JSON that a JSONField reads back as the same value.

    None and null values (texts that mean "nothing") stay as they are, so that validation recognises them.
    """
    if value is None or (isinstance(value, str) and value in null_values):
        return value
    return json.dumps(value, ensure_ascii=False, default=as_text)


def column_as_bytes(series: pl.Series) -> pl.Series:
    """Write a column of bytes, or of lists of bytes, as `as_bytes` does."""
    if series.dtype == pl.Binary:
        return series.bin.encode("base64").replace("", NO_BYTES)
    return pl.Series(series.name, [as_bytes(value) for value in series.to_list()], dtype=pl.String)


def column_as_text(series: pl.Series, json_columns: Mapping[str, frozenset[str]]) -> pl.Series:
    """Write a typed column as text, by expressions where Polars writes the same as `as_text`; or as JSON.

    A value that neither Polars nor Python can write, such as a date of the year 5,881,580, gets the prefix NOT_TEXT.
    """
    if _is_beyond_calendar_within(series):
        return _each_as_text(series, json_columns)
    in_calendar = _within_calendar(series) if series.dtype in CALENDAR else series
    try:
        texts = _column_as_text(in_calendar, json_columns)
    except UNWRITABLE:
        return _each_as_text(series, json_columns)
    if in_calendar.null_count() == series.null_count():
        return texts
    unwritable = in_calendar.is_null() & series.is_not_null()
    return texts.set(unwritable, f"{NOT_TEXT}a date outside of the years 1 to 9999")


def _is_beyond_calendar_within(series: pl.Series) -> bool:
    """Tell whether a list or a struct holds such a date. Polars would also print its panic to standard error."""
    if series.dtype in (pl.List, pl.Array):
        inner = series.explode()
        return _is_beyond_calendar(inner) or _is_beyond_calendar_within(inner)
    if series.dtype == pl.Struct:
        fields = series.struct.unnest().iter_columns()
        return any(_is_beyond_calendar(field) or _is_beyond_calendar_within(field) for field in fields)
    return False


def _is_beyond_calendar(series: pl.Series) -> bool:
    return series.dtype in CALENDAR and _within_calendar(series).null_count() > series.null_count()


def _each_as_text(series: pl.Series, json_columns: Mapping[str, frozenset[str]]) -> pl.Series:
    pieces = (series.slice(index, 1) for index in range(series.len()))
    return pl.Series(series.name, [_value_as_text(piece, json_columns) for piece in pieces], dtype=pl.String)


def _value_as_text(value: pl.Series, json_columns: Mapping[str, frozenset[str]]) -> str | None:
    try:
        if not _is_beyond_calendar(value) and not _is_beyond_calendar_within(value):
            text: str | None = _column_as_text(value, json_columns)[0]
            return text
    except UNWRITABLE:
        pass
    return f"{NOT_TEXT}a value that cannot be written as text"


def _within_calendar(series: pl.Series) -> pl.Series:
    """Replace dates outside Python's years (1 to 9999) by null."""
    first, last = _bounds(series.dtype)
    return series.set((series.to_physical() < first) | (series.to_physical() > last), None)


def _bounds(kind: pl.DataType) -> tuple[int, int]:
    days = (dt.date.min - EPOCH).days, (dt.date.max - EPOCH).days
    if kind == pl.Date:
        return days
    per_day = 86_400 * {"ms": 10**3, "us": 10**6, "ns": 10**9}[kind.time_unit]  # type: ignore[attr-defined]
    # A day less at each end, because a time zone may shift the date.
    first, last = (days[0] + 1) * per_day, days[1] * per_day - 1
    return max(first, -(2**63)), min(last, 2**63 - 1)


def _column_as_text(series: pl.Series, json_columns: Mapping[str, frozenset[str]]) -> pl.Series:
    if series.name in json_columns:
        nulls = json_columns[series.name]
        return pl.Series(series.name, [as_json(value, nulls) for value in series.to_list()], dtype=pl.String)
    kind = series.dtype
    if kind == pl.String:
        return series
    if kind.is_integer() or kind.is_decimal() or kind in (pl.Date, pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    if kind == pl.Boolean:
        return series.replace_strict({True: "True", False: "False"}, default=None, return_dtype=pl.String)
    if kind.is_float():
        return _floats_as_text(series.cast(pl.Float64))
    if kind == pl.Time:
        return _with_fraction(series, "%H:%M:%S")
    # Other zones' rules are Python's: Polars may know another version of them.
    if isinstance(kind, pl.Datetime) and kind.time_zone in (None, "UTC"):
        texts = _with_fraction(series.dt.replace_time_zone(None), "%Y-%m-%d %H:%M:%S")
        return texts + "+00:00" if kind.time_zone else texts
    decoded_texts = _decoded_column(series) if kind == pl.Binary else None
    return _each_by_python(series) if decoded_texts is None else decoded_texts


def _each_by_python(series: pl.Series) -> pl.Series:
    return pl.Series(series.name, [as_text(value) for value in series.to_list()], dtype=pl.String)


def _floats_as_text(series: pl.Series) -> pl.Series:
    """Write floats by column where Polars and Python write the same digits: where neither needs an exponent."""
    value = pl.col("value")
    is_whole = (value == value.floor()) & (value.abs() < 1e15)
    has_no_exponent = (value.abs() >= 1e-4) & (value.abs() < 1e15)
    texts = (
        pl.when(is_whole)
        .then(value.cast(pl.Int64, strict=False).cast(pl.String))
        .when(has_no_exponent)
        .then(value.cast(pl.String))
    )
    written = pl.DataFrame({"value": series}).select(texts).to_series().alias(series.name)
    left = (written.is_null() & series.is_not_null()).arg_true()
    return written.scatter(left, _each_by_python(series.gather(left))) if len(left) else written


def _with_fraction(series: pl.Series, format_: str) -> pl.Series:
    """Write times as Python does: with six digits behind the second, or none if they are all zeros."""
    value = pl.col("value")
    is_whole = value.dt.microsecond() == 0
    texts = (
        pl.when(is_whole).then(value.dt.to_string(format_)).otherwise(value.dt.to_string(f"{format_}%.6f"))
    )
    return pl.DataFrame({"value": series}).select(texts).to_series().alias(series.name)


def _decoded_column(series: pl.Series) -> pl.Series | None:
    """Decode bytes as UTF-8. None if some of them are not."""
    try:
        return series.cast(pl.String)
    except pl.exceptions.PolarsError:
        return None
