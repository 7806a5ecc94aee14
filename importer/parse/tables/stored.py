"""Reads values as they are stored, where a driver would fail or invent: `infinity`, `24:00`, `0000-00-00`."""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db import transaction
from psycopg.types.string import TextLoader

from importer.parse.tables.names import Parts
from importer.parse.typed import decoded

# OIDs of the PostgreSQL types that Python holds whole: bool, bytea, the integers, oid. All others arrive as text.
POSTGRES_NATIVE = frozenset((16, 17, 20, 21, 23, 26))
JSON, MONEY, NUMERIC = 114, 790, 1700
# The forms that do not depend on the server's configuration, and that Django reads.
POSTGRES_SETTINGS = {"datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "1"}
# psycopg returns bytes for text of no encoding. Otherwise the server would refuse a whole fetch that is not UTF-8.
AS_BYTES = {"client_encoding": "SQL_ASCII"}
NESTED_TYPES = """
    SELECT oid FROM pg_type WHERE oid = ANY(%s) AND (typcategory IN ('A', 'C') OR typname = 'hstore')
"""

# Type codes of MySQL (PEP 249): TIMESTAMP, DATE, TIME, DATETIME. A driver makes None or text of `0000-00-00`.
MYSQL_TIMES = frozenset((7, 10, 11, 12))
MYSQL_FLOAT, MYSQL_BIT = 4, 16
# The server writes six digits of a float. Where they are another float (2^-25 is half of its last bit, or less), all
# digits are wanted.
MYSQL_DIGITS = (
    "IF(ABS(CAST({0} AS CHAR) + 0e0 - ({0} + 0e0)) <= ABS({0} + 0e0) * 2.98e-8, "
    "CAST({0} AS CHAR), CAST({0} + 0e0 AS CHAR))"
)
MYSQL_KEYS = {"enum": "CAST({} AS CHAR)", "set": "CAST({} AS CHAR)", "float": "({} + 0e0)"}
MYSQL_KEY_TYPES = """
    SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s
"""


def expressions(
    connection: Any,
    columns: Sequence[str],
    types: Sequence[Any],
    *,
    json: Collection[str],
    bytes_: Collection[str],
) -> dict[str, str]:
    """Return the columns that are not read by their names alone, and the pattern of the expression.

    json, bytes_  the columns that fill a JSONField or a BinaryField
    """
    kinds = dict(zip(columns, types, strict=True))
    if connection.vendor == "mysql":
        texts = {name: "CAST({} AS CHAR)" for name, kind in kinds.items() if kind in MYSQL_TIMES}
        bits = {
            name: "CAST({} AS BINARY)" if name in bytes_ else "({} + 0)"
            for name, kind in kinds.items()
            if kind == MYSQL_BIT
        }
        floats = {name: MYSQL_DIGITS for name, kind in kinds.items() if kind == MYSQL_FLOAT}
        return texts | bits | floats
    if connection.vendor == "postgresql":
        # The text of money depends on the server's locale.
        amounts = {name: "{}::numeric" for name, kind in kinds.items() if kind == MONEY}
        nested = _nested_types(connection, {kinds[name] for name in json if name in kinds})
        return amounts | {name: "to_json({})" for name in json if kinds.get(name) in nested}
    return {}


def key_expressions(connection: Any, table: Parts, key: Sequence[str]) -> dict[str, str]:
    """Return the columns of a key that their texts do not find again, and the pattern of an expression that does.

    MySQL sorts enums and sets by number but compares them with text, and writes six digits of a float.
    """
    if connection.vendor != "mysql" or not table:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(MYSQL_KEY_TYPES, table)
        return {
            name: MYSQL_KEYS[kind] for name, kind in cursor.fetchall() if name in key and kind in MYSQL_KEYS
        }


def _nested_types(connection: Any, types: Collection[int]) -> set[int]:
    """Return which of PostgreSQL's types are arrays, composites or hstore: in a JSONField their values become JSON."""
    if not types:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(NESTED_TYPES, [list(types)])
        return {row[0] for row in cursor.fetchall()}


@contextlib.contextmanager
def as_postgresql_writes(cursor: Any, types: Collection[int]) -> Iterator[None]:
    """Let the cursor return values of these types as the text that PostgreSQL itself writes."""
    for oid in {*types, JSON, NUMERIC} - POSTGRES_NATIVE:
        cursor.cursor.adapters.register_loader(oid, TextLoader)
    wanted = POSTGRES_SETTINGS | (AS_BYTES if _is_without_encoding(cursor.db) else {})
    with transaction.atomic(using=cursor.db.alias):
        settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in wanted.items())
        cursor.execute(f"SELECT {settings}")
        yield


def _is_without_encoding(connection: Any) -> bool:
    return bool(connection.connection.info.parameter_status("server_encoding") == "SQL_ASCII")


@contextlib.contextmanager
def as_sqlite_stores(cursor: Any, longest: int | None, *, decodes_each: bool) -> Iterator[None]:
    """Let text that is not UTF-8 cost its own record only, not the whole fetch, if each text is decoded by itself.

    Otherwise it raises OperationalError. `longest` limits the bytes of a value: a longer one raises DataError.
    """
    import sqlite3

    raw = cursor.db.connection
    raw.text_factory = decoded if decodes_each else str
    former = raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest) if longest else None
    try:
        yield
    finally:
        raw.text_factory = str
        if former is not None:
            raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, former)
