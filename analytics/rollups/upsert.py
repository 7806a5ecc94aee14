"""Adds counts to the roll-ups with upserts, under the lock of the log's position."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.db import connections, models

from analytics.models import UserSketch
from analytics.rollups.count import Counts, Rows, together

ROWS_PER_STATEMENT = 20_000


def add(counts: Counts, *, using: str) -> None:
    """Add the counts, in the caller's transaction."""
    for model, rows in counts.items():
        if model is UserSketch:
            _join(rows, using)
            continue
        for part in _parts(rows):
            _upsert(model, part, connections[using])


def _join(rows: Rows, using: str) -> None:
    """Join the few sketches in Python, because no database can."""
    sketches = UserSketch.objects.using(using)
    buckets = {bucket for _, bucket in rows}
    stored = {
        (resolution, bucket): bytes(registers)
        for resolution, bucket, registers in sketches.filter(bucket__in=buckets).values_list(
            "resolution", "bucket", "registers"
        )
    }
    sketches.bulk_create(
        [
            UserSketch(
                resolution=key[0],
                bucket=key[1],
                registers=together(UserSketch, stored[key], registers) if key in stored else registers,
            )
            for key, registers in rows.items()
        ],
        update_conflicts=True,
        unique_fields=["resolution", "bucket"],
        update_fields=["registers"],
    )


def _parts(rows: Rows) -> Iterator[list[tuple[Any, ...]]]:
    ordered = [(*key, rows[key]) for key in sorted(rows)]
    for start in range(0, len(ordered), ROWS_PER_STATEMENT):
        yield ordered[start : start + ROWS_PER_STATEMENT]


def _upsert(model: type[models.Model], rows: list[tuple[Any, ...]], connection: Any) -> None:
    """Upsert rows. PostgreSQL gets them as one array per column, which is a third faster than VALUES."""
    quote = connection.ops.quote_name
    fields = model._meta.concrete_fields
    columns = [quote(field.column) for field in fields]
    key, value = columns[:-1], columns[-1]
    table = quote(model._meta.db_table)
    is_postgres = connection.vendor == "postgresql"
    if is_postgres:
        arrays = (f"%s::{field.db_type(connection)}[]" for field in fields)
        source = f"SELECT * FROM unnest({', '.join(arrays)})"
    else:
        source = f"VALUES ({', '.join(['%s'] * len(fields))})"
    statement = (
        f"INSERT INTO {table} ({', '.join(columns)}) {source} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {value} = {table}.{value} + excluded.{value}"
    )
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute(statement, [_array(column) for column in zip(*rows, strict=True)])
        else:
            cursor.executemany(statement, [[_plain(value) for value in row] for row in rows])


def _array(column: tuple[Any, ...]) -> str:
    """Format an array without psycopg, which examines each value: numbers, dates and booleans need no quoting."""
    return "{" + ",".join(map(str, map(_plain, column))) + "}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
