"""Columns of typed values become the texts that their values become one by one."""

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer.parse.typed import NONE, as_text, column_as_text

# From the year 2 to 9998: a time zone may shift the first and the last day out of Python's calendar.
SECONDS = st.integers(-62_104_060_800, 253_370_764_799)
NUMBERS_OF_NANOSECONDS = st.integers(-(2**63) + 1, 2**63 - 1)
DIGITS = st.integers(-(10**20), 10**20)
COLUMNS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "integers": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "floats": (pl.Float64, st.floats()),
    "whole floats": (pl.Float64, st.integers(-(10**17), 10**17).map(float)),
    "short floats": (pl.Float64, DIGITS.map(lambda digits: digits / 10**7)),
    "floats of 32 bits": (pl.Float32, st.floats(width=32)),
    "booleans": (pl.Boolean, st.booleans()),
    "decimals": (pl.Decimal(38, 4), DIGITS.map(lambda digits: Decimal(digits).scaleb(-4))),
    "decimals without digits behind the point": (pl.Decimal(38, 0), DIGITS.map(Decimal)),
    "dates": (pl.Date, st.dates()),
    "times": (pl.Time, st.times()),
    "times of microseconds": (
        pl.Datetime("us"),
        st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31)),
    ),
    "times of whole seconds": (
        pl.Datetime("ms"),
        SECONDS.map(lambda seconds: dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)),
    ),
    "bytes": (pl.Binary, st.text(max_size=5).map(str.encode) | st.binary(max_size=5)),
}


@pytest.mark.parametrize("kind", COLUMNS)
@given(data=st.data())
def test_a_column_becomes_what_its_values_become(kind: str, data: st.DataObject) -> None:
    dtype, values = COLUMNS[kind]
    column = pl.Series("a", data.draw(st.lists(st.none() | values, max_size=6)), dtype=dtype)

    texts = column_as_text(column, NONE)

    assert texts.name == "a"
    assert texts.to_list() == [as_text(value) for value in column.to_list()]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Etc/UTC", "Europe/Berlin"])
@hypothesis_settings(deadline=None)
@given(numbers=st.lists(st.none() | NUMBERS_OF_NANOSECONDS, max_size=6))
def test_moments_are_written_as_python_writes_them(
    unit: Any, zone: str | None, numbers: list[int | None]
) -> None:
    moments = pl.Series("a", numbers, dtype=pl.Int64).cast(pl.Datetime("ns")).cast(pl.Datetime(unit))
    column = moments.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else moments

    texts = column_as_text(column, NONE)

    assert texts.to_list() == [as_text(value) for value in column.to_list()]
