"""Loads a data frame of texts into a PostgreSQL table with COPY."""

from io import BytesIO
from typing import Any

import polars as pl

# Bytes per write. psycopg is fastest with pieces of this size and keeps many in flight.
PIECE = 128 * 1024


def copy_frame(cursor: Any, statement: str, frame: pl.DataFrame) -> int:
    """Stream a frame as CSV, and return how many rows were stored. Null is an empty field, "" is two quotes."""
    buffer = BytesIO()
    frame.write_csv(buffer, include_header=False)
    data = memoryview(buffer.getvalue())
    # `copy` is psycopg's method, so Django must be told to wrap its errors.
    with cursor.db.wrap_database_errors, cursor.copy(statement) as copy:
        for start in range(0, len(data), PIECE):
            copy.write(data[start : start + PIECE])
    return int(cursor.rowcount)


def column_of(model_field: Any) -> str:
    return str(model_field.column)
