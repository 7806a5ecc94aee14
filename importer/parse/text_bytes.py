"""Computes how many bytes of text a record of typed values has, without writing the text."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from importer.batches import column_named

# About the longest text of a number, a date or a boolean. What matters is that it is bounded.
PLAIN_VALUE = 20
# Bytes between two fields, and around each value in a list or an object.
SEPARATOR = 1
AROUND = 4


def bytes_per_record(schema: Mapping[str, Any]) -> pl.Expr:
    """Return an expression for the bytes of each record's text, for frames of this schema."""
    columns = [_bytes_of(column_named(name), kind) + SEPARATOR for name, kind in schema.items()]
    return pl.sum_horizontal(columns).cast(pl.UInt64) if columns else pl.lit(0, dtype=pl.UInt64)


def _bytes_of(value: pl.Expr, kind: Any) -> pl.Expr:
    return _bytes_of_present(value, kind).cast(pl.UInt64).fill_null(0)


def _bytes_of_present(value: pl.Expr, kind: Any) -> pl.Expr:
    if kind == pl.String:
        return value.str.len_bytes()
    if kind == pl.Binary:
        return value.bin.size()
    if kind == pl.Categorical or kind == pl.Enum:
        # Not by a cast, which would write the text for each record.
        return value.cat.len_bytes()
    if kind == pl.Array:
        return _bytes_of_present(value.arr.to_list(), pl.List(kind.inner))
    if kind == pl.List:
        return value.list.eval(_bytes_of(pl.element(), kind.inner) + AROUND).list.sum() + AROUND
    if kind == pl.Struct:
        fields = [
            _bytes_of(value.struct.field(field.name), field.dtype) + len(field.name) + AROUND
            for field in kind.fields
        ]
        return pl.sum_horizontal([*fields, pl.lit(AROUND, dtype=pl.UInt64)])
    return pl.when(value.is_not_null()).then(PLAIN_VALUE)
