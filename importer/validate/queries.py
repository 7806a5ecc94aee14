"""Asks PostgreSQL for rows and names, and quotes names for it."""

from typing import Any

from django.db.backends.utils import CursorWrapper


def quoted(name: str) -> str:
    """Quote a name for PostgreSQL. Django's `quote_name` leaves names as they are that look quoted."""
    return '"' + name.replace('"', '""') + '"'


def rows_of(cursor: CursorWrapper, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    cursor.execute(sql, parameters)
    return list(cursor.fetchall())


def names_of(cursor: CursorWrapper, sql: str, parameters: Any = None) -> list[Any]:
    """Return the first column of the rows."""
    return [row[0] for row in rows_of(cursor, sql, parameters)]
